import { extname, resolve, sep } from 'node:path'

/** What is read of the configuration of one of Jest's projects. */
export interface WatchConfig {
  readonly roots: readonly string[]
  readonly moduleFileExtensions: readonly string[]
  /** Regular expressions for absolute paths. */
  readonly modulePathIgnorePatterns: readonly string[]
  readonly watchPathIgnorePatterns: readonly string[]
}

/** Whether Jest, in watch mode, runs again as soon as the file changes: it takes files such as report.json for modules. */
export function isWatched(file: string, config: WatchConfig): boolean {
  const { roots, moduleFileExtensions, modulePathIgnorePatterns, watchPathIgnorePatterns } = config
  return (
    moduleFileExtensions.includes(extname(file).slice(1)) &&
    roots.some((root) => file.startsWith(resolve(root) + sep)) &&
    ![...modulePathIgnorePatterns, ...watchPathIgnorePatterns].some((pattern) => new RegExp(pattern).test(file))
  )
}
