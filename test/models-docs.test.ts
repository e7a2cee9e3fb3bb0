import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { layerRules } from '../src/model/tensorflow/layers/rules.js'
import { nodeRules } from '../src/model/tensorflow/nodes/rules.js'

// `npx vitest run test/models-docs.test.ts -u` writes the lists into the page.
test('docs/models.md lists what has a translation', async () => {
  const page = readFileSync(new URL('../docs/models.md', import.meta.url), 'utf8')
  const written = listed(listed(page, 'layers', layerRules), 'nodes', nodeRules)
  await expect(written).toMatchFileSnapshot('../docs/models.md')
})

/** The page with the names between the marks of this kind. */
function listed(page: string, kind: string, rules: ReadonlyMap<string, unknown>): string {
  const [begin, end] = [`<!-- ${kind} -->`, `<!-- /${kind} -->`]
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  const after = page.slice(page.indexOf(end))
  const names = [...rules.keys()].sort().map((name) => `\`${name}\``)
  return `${before}\n\n${names.join(', ')}\n\n${after}`
}
