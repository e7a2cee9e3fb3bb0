import { renderJson } from './json.js'
import { renderJunit } from './junit.js'
import { renderMarkdown } from './markdown.js'
import type { Report } from './report.js'
import { renderSarif } from './sarif.js'

/** What a report can be written as. */
export type Format = 'json' | 'html' | 'junit' | 'markdown' | 'sarif'

/** Files by format. */
export type Formats = { readonly [format in Format]?: string }

export const defaultFormats: Formats = {
  json: 'unfooled-report/report.json',
  html: 'unfooled-report/report.html',
}

/** How each format is rendered; `folder` is that of the project in its repository. */
export const renderers: Readonly<Record<Format, (report: Report, folder: string) => string | Promise<string>>> = {
  json: renderJson,
  // The libraries for charts take a while to load.
  html: async (report) => (await import('./html/page.js')).renderHtml(report),
  junit: renderJunit,
  markdown: renderMarkdown,
  sarif: renderSarif,
}
