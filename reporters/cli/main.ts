#!/usr/bin/env node
import { runCli } from './run.js'
import type { Output } from './verb.js'

const { stdout, stderr } = process
const isWatched = stderr.isTTY === true && !process.env.CI
const clearLine = isWatched ? '\r\x1b[K' : ''

// Whoever reads may have had enough, as `head` has: the files are to be written all the same, and the exit code to be that of
// the verb.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const output: Output = {
  print: (text) => void stdout.write(`${text}\n`),
  note: (text) => void stderr.write(`${clearLine}${text}\n`),
  ...(isWatched && {
    progress: (text: string) => void stderr.write(clearLine + text.slice(0, (stderr.columns || 80) - 1)),
  }),
}

// The exit code is set, not forced: what is written must still arrive where it is piped to.
runCli(process.argv.slice(2), output).then((code) => {
  process.exitCode = code
})
