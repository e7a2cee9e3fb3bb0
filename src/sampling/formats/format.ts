import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { SampleError } from '../../errors.js'
import type { Samples } from '../samples.js'

/** Where samples lie in a file, and what they become. */
export interface LoadSamplesOptions {
  /** `.npz`: name of the array with the inputs; by default the first of `inputs`, `x`, `images` that exists. */
  readonly inputs?: string
  /**
   * Where the labels are. `.npz`: name of an array, by default `labels` or `y`. `.npy` and IDX: path of another file of the
   * same format. CSV: name of a column, or its number (0 is the first, −1 the last), by default `label`, `labels`, `y` or
   * `class`. There are none where nothing is named and nothing has the usual name. Folders of images have them as folders.
   */
  readonly labels?: string | number
  /**
   * Where the outputs are that would be right, for regressors. `.npz`: name of an array, by default `targets`. `.npy`: path
   * of another file. By default there are none.
   */
  readonly targets?: string
  /**
   * Shape that a sample gets, such as `[1, 28, 28]`: rows of numbers are cut, and axes of size 1 are added or left out.
   * Numbers are never reordered. Default: as they are in the file.
   */
  readonly featureShape?: readonly number[]
  /** CSV: whether the first row names the columns. Default: it does when none of its cells is a number. */
  readonly header?: boolean
  /** Images, and IDX files of bytes: the numbers that black and white become. Default `[0, 1]`. */
  readonly range?: readonly [number, number]
  /** Images: `gray`, `rgb` or `bgr`. Default: as they are, and an error where some are gray and some are not. */
  readonly color?: ImageColor
  /** Images: [channels, height, width], or [height, width, channels]. Default `channels first`. */
  readonly layout?: ImageLayout
  /** Folders of images: names of the folders in the order of the classes. Default: see docs/samples.md. */
  readonly classes?: readonly string[]
}

/** Channels of an image: one, or three in this order. */
export type ImageColor = 'gray' | 'rgb' | 'bgr'
/** Whether the channels of an image come before height and width or after them. */
export type ImageLayout = 'channels first' | 'channels last'

/** One way in which samples are stored. */
export interface SampleFormat {
  /** With its article: `an .npz file`. */
  readonly name: string
  /** The options that it knows, besides `featureShape`. */
  readonly options: readonly (keyof LoadSamplesOptions)[]
  /** @throws SampleError when there is anything wrong with the samples. */
  read(path: string, options: LoadSamplesOptions): Promise<Samples>
}

/** Numbers from files are labels where they number a class. */
export function toLabels(where: string, labels: ArrayLike<number | bigint>): Int32Array {
  return Int32Array.from(labels, (label) => {
    if (Number(label) === (Number(label) | 0)) return Number(label)
    throw new SampleError(`${where} has ${label}, not a class number`)
  })
}

/** What reading the file gives. @throws SampleError when it cannot be read. */
export async function readingOf<Contents>(path: string, reading: Promise<Contents>): Promise<Contents> {
  return reading.catch((cause: unknown) => {
    // The working directory may be another than its author thinks.
    throw new SampleError(`${resolve(path)}: cannot be read: ${messageOf(cause)}`, { cause })
  })
}

/**
 * A whole file in one piece of memory: `readFile` of node:fs/promises takes twice the size of large ones.
 * @throws SampleError when it cannot be read.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  const file = await readingOf(path, open(path))
  try {
    const { size } = await readingOf(path, file.stat())
    const bytes = new Uint8Array(size)
    for (let filled = 0; filled < size; ) {
      // Without the length Yarn's Plug'n'Play, which stands in for node:fs, reads nothing.
      const { bytesRead } = await readingOf(path, file.read(bytes, filled, size - filled))
      if (bytesRead === 0) throw new SampleError(`${path}: cannot be read: it became shorter meanwhile`)
      filled += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

export function messageOf(cause: unknown): string {
  // In Jest errors of Node are of another realm.
  return (cause as Error).message ?? String(cause)
}
