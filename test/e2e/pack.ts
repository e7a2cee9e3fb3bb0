import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the package as `npm publish` would upload it. */
    tarball: string
  }
}

/** Builds and packs this package once for all child projects. */
export default function pack(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-pack-'))
  const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const file = /"filename": "(.+)"/.exec(printed)![1]!
  project.provide('tarball', join(folder, file))
  return () => rmSync(folder, { recursive: true })
}
