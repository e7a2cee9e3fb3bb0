import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Reference data that is not part of this repository: a folder beside it. */
export const sharedData = resolve(fileURLToPath(new URL('../../../shared/data', import.meta.url)))
