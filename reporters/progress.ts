import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How often a line may have to wait, in milliseconds. */
const interval = 500

/**
 * Prints what long checks say about their progress, where somebody watches: on a terminal, and not in CI. The checks run in
 * workers, which have no terminal, so they append lines to a file, whose name they inherit.
 * @returns What ends it.
 */
export function showProgress({ isTTY }: { readonly isTTY?: boolean }, print: (line: string) => void): () => void {
  if (!isTTY || process.env.CI) return () => {}
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-progress-'))
  const file = join(folder, 'lines.txt')
  writeFileSync(file, '')
  process.env.UNFOOLED_PROGRESS = file
  let printed = 0
  const timer = setInterval(() => {
    const text = readFileSync(file, 'utf8')
    const end = text.lastIndexOf('\n') + 1
    if (end > printed) print(text.slice(printed, end - 1))
    printed = Math.max(printed, end)
  }, interval)
  // It keeps no run from ending.
  timer.unref()
  return () => {
    clearInterval(timer)
    delete process.env.UNFOOLED_PROGRESS
    rmSync(folder, { recursive: true, force: true })
  }
}
