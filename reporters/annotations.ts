import { testName } from '../src/checks/place.js'
import { attention } from './attention.js'
import { describeCheck } from './columns.js'
import { inRepository } from './location.js'
import type { Report } from './report.js'

/**
 * Workflow commands that make GitHub Actions mark the test files of failed and inconclusive checks, and list the warnings.
 * @param folder Folder of the project in its repository; empty where they are the same.
 */
export function renderAnnotations(report: Report, folder: string): string[] {
  return attention(report).map(({ subject, text, check, failedTest }) => {
    const place = check ?? failedTest
    if (!place) return command('warning', { title: subject ?? 'unfooled' }, text)
    const title = check ? `${testName(check)} (${describeCheck(check)})` : testName(place)
    const file = inRepository(place.file, folder)
    const line: Record<string, string> = place.line === undefined ? {} : { line: String(place.line) }
    return command(check && check.passed !== false ? 'warning' : 'error', { file, ...line, title }, text)
  })
}

function command(name: string, properties: Readonly<Record<string, string>>, message: string): string {
  const list = Object.entries(properties).map(([key, value]) => `${key}=${escaped(value, /[%\r\n:,]/g)}`)
  return `::${name} ${list.join(',')}::${escaped(message, /[%\r\n]/g)}`
}

function escaped(text: string, special: RegExp): string {
  return text.replace(special, (character) => encodeURIComponent(character))
}
