import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { layerRules } from '../src/model/tensorflow/layers/rules.js'

// `npx vitest run test/models-docs.test.ts -u` writes the list into the page.
test('docs/models.md lists the layers that have a translation', async () => {
  const page = readFileSync(new URL('../docs/models.md', import.meta.url), 'utf8')
  const [begin, end] = ['<!-- layers -->', '<!-- /layers -->']
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  const after = page.slice(page.indexOf(end))
  const names = [...layerRules.keys()].sort().map((name) => `\`${name}\``)
  await expect(`${before}\n\n${names.join(', ')}\n\n${after}`).toMatchFileSnapshot('../docs/models.md')
})
