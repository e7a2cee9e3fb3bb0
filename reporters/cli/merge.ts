import { parseArgs } from 'node:util'
import { decodeEvidence, encodeEvidence } from '../../src/checks/encoded-evidence.js'
import { SettingsError } from '../../src/errors.js'
import { mergeShards } from '../../src/merge/merge-shards.js'
import { createReport } from '../report.js'
import { readReports } from './read-reports.js'
import type { Verb } from './verb.js'
import { readFormats, reportHelp, reportOptions, writeReport } from './write-report.js'

const help = `Usage: unfooled merge <report.json> ... [options]

Merges the JSON reports of runs that shared the work: those with UNFOOLED_SHARD=1/4, 2/4 and so on, or Vitest's and Jest's
--shard. Totals, intervals and verdicts are computed anew from the samples. A shard that is missing or there twice is refused.

${reportHelp}

Exit code 0: written. 2: bad options or files, or shards that do not make up whole checks.`

/** Makes one report of the reports of all shards. */
export const merge: Verb = {
  summary: 'makes one report of the reports of runs that shared the work',
  help,
  run: async (args, output) => {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: reportOptions })
    if (positionals.length === 0) throw new SettingsError('needs JSON reports. See unfooled merge --help.')
    const formats = readFormats(values.formats)
    const { records, complete, problems, failedTests } = await readReports(positionals)
    // What cannot be read cannot be merged: unlike in a report, it is an error.
    const merged = mergeShards(
      records.map((record) => ({ ...record, evidence: decodeEvidence(record.evidence) })),
      failedTests,
    )
    const created = createReport(
      merged.map((record) => ({ ...record, evidence: encodeEvidence(record.evidence) })),
      complete,
      failedTests,
    )
    await writeReport(
      { ...created, problems: [...problems, ...created.problems] },
      { output: values.output, formats },
      output,
    )
    return 0
  },
}
