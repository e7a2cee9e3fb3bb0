import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Version of this package, as its package.json has it. */
export function packageVersion(): string {
  // The sources and the two builds lie at different depths, and the folder of one build has a package.json of its own.
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    const description = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    if (description.name === 'unfooled') return description.version
    if (folder === dirname(folder)) return 'unknown'
  }
}
