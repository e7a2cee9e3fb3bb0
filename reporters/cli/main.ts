#!/usr/bin/env node
import { runCli } from './run.js'

const write = (stream: NodeJS.WriteStream) => (text: string) => {
  stream.write(`${text}\n`)
}

// The exit code is set, not forced: what is written must still arrive where it is piped to.
runCli(process.argv.slice(2), { print: write(process.stdout), note: write(process.stderr) }).then((code) => {
  process.exitCode = code
})
