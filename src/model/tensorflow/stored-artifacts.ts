import { createHash } from 'node:crypto'
import type { GraphModel, LayersModel, TfjsArtifacts, TfjsLibrary } from './tfjs.js'

/** A model that is loaded, as it would be stored. */
export async function storedArtifacts(model: LayersModel | GraphModel, tf: TfjsLibrary): Promise<TfjsArtifacts> {
  let found: TfjsArtifacts = {}
  const save = async (artifacts: TfjsArtifacts) => {
    found = artifacts
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
  }
  await model.save(tf.io.withSaveHandler(save))
  return found
}

/** SHA-256 of topology and weights, in hexadecimal digits. */
export function digest({ modelTopology, weightData = [] }: TfjsArtifacts): string {
  const hash = createHash('sha256').update(JSON.stringify(modelTopology) ?? '')
  for (const part of Array.isArray(weightData) ? weightData : [weightData]) hash.update(new Uint8Array(part))
  return hash.digest('hex')
}
