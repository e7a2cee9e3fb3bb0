import { parseArgs } from 'node:util'
import { SettingsError } from '../../src/errors.js'
import { decide } from '../gate.js'
import { createReport } from '../report.js'
import { readReports } from './read-reports.js'
import type { Verb } from './verb.js'

const help = `Usage: unfooled gate <report.json> ... [options]

Decides whether runs may be built on: all tests and checks passed, and no check is missing, unreadable,
inconclusive or an unmerged shard.

  --require-baselines  each model needs a check against a baseline that passed

Exit code 0: passed. 1: failed; the reasons are printed. 2: bad options or files.`

/** Fails a pipeline for what is stored in JSON reports. */
export const gate: Verb = {
  summary: 'fails unless everything in JSON reports passed',
  help,
  run: async (args, output) => {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { 'require-baselines': { type: 'boolean' } },
    })
    if (positionals.length === 0) throw new SettingsError('needs JSON reports. See unfooled gate --help.')
    const { records, complete, problems, failedTests } = await readReports(positionals)
    const report = createReport(records, complete, failedTests)
    const { passed, text } = decide(
      { ...report, problems: [...problems, ...report.problems] },
      { requireBaselines: values['require-baselines'] },
    )
    output.print(text)
    return passed ? 0 : 1
  },
}
