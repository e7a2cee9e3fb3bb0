import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { SampleError, SettingsError } from '../../errors.js'
import {
  type ImageColor,
  type ImageLayout,
  type LoadSamplesOptions,
  readBytes,
  readingOf,
  type SampleFormat,
} from './format.js'
import { decodePng, type Image } from './png.js'
import { inRange } from './range.js'

/** A folder with a subfolder of PNG images for each class. */
export const imageFolder: SampleFormat = {
  name: 'a folder of images',
  options: ['range', 'color', 'layout', 'classes'],
  read: async (path, options) => {
    checkChoice('color', options.color, ['gray', 'rgb', 'bgr'])
    checkChoice('layout', options.layout, ['channels first', 'channels last'])
    const files = await listImages(path, options.classes)
    let shape: readonly number[] = []
    let data = new Float32Array(0)
    for (const [index, { file }] of files.entries()) {
      const decoded = decodePng(file, await readBytes(file))
      const color = options.color ?? (decoded.channels === 1 ? 'gray' : 'rgb')
      const size = shapeOf(decoded, color, options.layout)
      if (index === 0) {
        shape = size
        data = new Float32Array(files.length * decoded.width * decoded.height * (color === 'gray' ? 1 : 3))
      }
      checkAlike(file, size, files[0].file, shape)
      data.set(pixels(decoded, color, options), index * (data.length / files.length))
    }
    return {
      inputs: { data, shape: [files.length, ...shape] },
      labels: Int32Array.from(files, ({ label }) => label),
    }
  },
}

interface LabelledFile {
  readonly file: string
  readonly label: number
}

/** In the order of the classes, and of the names within a class. */
async function listImages(path: string, classes: readonly string[] | undefined): Promise<LabelledFile[]> {
  const entries = (await readingOf(path, readdir(path, { withFileTypes: true }))).filter(({ name }) => isVisible(name))
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const stray = entries.find((entry) => !entry.isDirectory())
  if (stray) throw new SampleError(`${join(path, stray.name)}: not in the subfolder of a class; move it into one`)
  if (folders.length === 0) throw new SampleError(`${path}: no subfolders; there must be one for each class`)
  const files: LabelledFile[] = []
  for (const { name, label } of numberClasses(path, folders, classes)) {
    const folder = join(path, name)
    const names = (await readingOf(folder, readdir(folder))).filter(isVisible).sort()
    if (names.length === 0) throw new SampleError(`${folder}: no images; remove the folder, or add some`)
    const other = names.find((file) => extname(file).toLowerCase() !== '.png')
    if (other !== undefined) {
      throw new SampleError(`${join(folder, other)}: not a .png file; convert images of other formats, and move others`)
    }
    files.push(...names.map((file) => ({ file: join(folder, file), label })))
  }
  return files
}

/** Folders named by numbers have the classes of these numbers; others are numbered in the order of their names. */
function numberClasses(path: string, folders: readonly string[], classes: readonly string[] | undefined) {
  if (classes) {
    const unknown = folders.find((name) => !classes.includes(name))
    if (unknown === undefined) {
      return folders
        .map((name) => ({ name, label: classes.indexOf(name) }))
        .sort((left, right) => left.label - right.label)
    }
    throw new SampleError(`${join(path, unknown)}: not one of the classes ${classes.join(', ')}`)
  }
  if (folders.every((name) => /^\d+$/.test(name))) {
    const numbered = folders
      .map((name) => ({ name, label: Number(name) }))
      .sort((left, right) => left.label - right.label)
    const twice = numbered.find(({ label }, index) => numbered[index + 1]?.label === label)
    if (twice) throw new SampleError(`${path}: two subfolders for class ${twice.label}`)
    return numbered
  }
  return folders.toSorted().map((name, label) => ({ name, label }))
}

/** Left behind by file managers. */
function isVisible(name: string): boolean {
  return !name.startsWith('.') && name !== 'Thumbs.db'
}

function shapeOf({ width, height }: Image, color: ImageColor, layout: ImageLayout = 'channels first'): number[] {
  const channels = color === 'gray' ? 1 : 3
  return layout === 'channels first' ? [channels, height, width] : [height, width, channels]
}

function checkAlike(file: string, shape: readonly number[], first: string, expected: readonly number[]): void {
  if (shape.every((size, axis) => size === expected[axis])) return
  throw new SampleError(
    `${file}: shape [${shape}], but ${first} has [${expected}]; images must be of one size, and gray and colour images need { color }`,
  )
}

/** The numbers of one image, in the order of the layout. */
function pixels({ width, height, channels, data, white }: Image, color: ImageColor, options: LoadSamplesOptions) {
  const size = width * height
  const wanted = color === 'gray' ? 1 : 3
  const levels = new (white === 255 ? Uint8Array : Uint16Array)(size * wanted)
  const [pixelStep, channelStep] = options.layout === 'channels last' ? [wanted, 1] : [1, size]
  for (let pixel = 0; pixel < size; pixel++) {
    const red = data[pixel * channels]
    const green = channels === 1 ? red : data[pixel * channels + 1]
    const blue = channels === 1 ? red : data[pixel * channels + 2]
    const at = pixel * pixelStep
    if (color === 'gray') {
      levels[at] = channels === 1 ? red : luma(red, green, blue)
      continue
    }
    levels[at] = color === 'rgb' ? red : blue
    levels[at + channelStep] = green
    levels[at + 2 * channelStep] = color === 'rgb' ? blue : red
  }
  return inRange(levels, white, options.range)
}

/** ITU-R BT.601, rounded as common image libraries do. */
function luma(red: number, green: number, blue: number): number {
  return Math.floor((19595 * red + 38470 * green + 7471 * blue + 32768) / 65536)
}

function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return
  throw new SettingsError(`The option ${name} is one of ${choices.join(', ')}; it is ${JSON.stringify(value)}.`)
}
