import { mostPictures, type Picture } from '../checks/pictures.js'

/** Of the pictures that shards took of their own samples, the first few in the order of all samples. */
export function mergePictures(
  findings: readonly { readonly pictures?: readonly Picture[] }[],
  order: readonly number[],
): Picture[] | undefined {
  const taken = findings.flatMap(({ pictures = [] }, shard) =>
    pictures.map((picture) => ({ ...picture, sample: shard + picture.sample * findings.length })),
  )
  if (taken.length === 0) return undefined
  return taken.sort((one, other) => order.indexOf(one.sample) - order.indexOf(other.sample)).slice(0, mostPictures)
}
