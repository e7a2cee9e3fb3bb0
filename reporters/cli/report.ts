import { parseArgs } from 'node:util'
import { SettingsError } from '../../src/errors.js'
import { createReport } from '../report.js'
import { readReports } from './read-reports.js'
import type { Verb } from './verb.js'
import { readFormats, reportHelp, reportOptions, writeReport } from './write-report.js'

const help = `Usage: unfooled report <report.json> ... [options]

Shows JSON reports again, several as one, and writes them in other formats. Shards of a check stay apart: see unfooled merge.

${reportHelp}

Exit code 0: written. 2: bad options or files.`

/** Shows what is stored in JSON reports. */
export const report: Verb = {
  summary: 'shows JSON reports again, and writes them in other formats',
  help,
  run: async (args, output) => {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: reportOptions })
    if (positionals.length === 0) throw new SettingsError('needs JSON reports. See unfooled report --help.')
    const formats = readFormats(values.formats)
    const { records, complete, problems, failedTests } = await readReports(positionals)
    const created = createReport(records, complete, failedTests)
    const whole = { ...created, problems: [...problems, ...created.problems] }
    await writeReport(whole, { output: values.output, formats }, output)
    return 0
  },
}
