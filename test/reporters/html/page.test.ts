import { parseHTML } from 'linkedom'
import { describe, expect, test } from 'vitest'
import { renderHtml } from '../../../reporters/html/page.js'
import { createReport } from '../../../reporters/report.js'
import type { Evidence } from '../../../src/checks/evidence.js'
import {
  attackEvidence,
  baselineEvidence,
  hostile,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  manySamples,
  records,
  regressionEvidence,
  validityEvidence,
} from '../evidence.js'

function render(...checks: Evidence[]) {
  const html = renderHtml(createReport(records(checks), true))
  return { html, ...read(html) }
}

function read(html: string) {
  const { document } = parseHTML(html)
  const texts = (selector: string) =>
    [...document.querySelectorAll(selector)].map(({ textContent }) => textContent.trim())
  return { document, texts }
}

test('counts, what needs attention, and a table of checks', () => {
  const { texts } = render(
    attackEvidence({ warnings: ['A warning.'] }),
    lowerBoundEvidence(),
    validityEvidence(),
    inconclusiveEvidence(),
  )
  expect(texts('.counts div')).toEqual(['passed2', 'failed1', 'inconclusive1'])
  expect(texts('.attention li')).toEqual([
    '✗ failedtest/robustness.test.ts > check 0pgd within linf 0.1 fooled 2 of 3 samples (66.7 %); accepted at most 10 %. Seed 1.',
    '? inconclusivetest/robustness.test.ts > check 3fgsm linf 0.1 is inconclusive. No gradient rule for operator Round (node round_1). Seed 1.',
    '! warningtest/robustness.test.ts > check 0A warning.',
  ])
  expect(texts('h2')).toEqual(['Overview', 'digits_mlp.onnx'])
  const [, ...rows] = texts('section:nth-of-type(2) > .scroll tr')
  expect(rows.map((row) => row.slice(0, 30))).toEqual([
    expect.stringContaining('pgd✗ fooledlinf'),
    expect.stringContaining('crown✓ certifiedlinf'),
    expect.stringContaining('crown valid✓ validlinf'),
    expect.stringContaining('fgsm? inconclusivelinf'),
  ])
})

test('a check leads to its test and to what repeats it', () => {
  const { document } = render(attackEvidence(), { ...lowerBoundEvidence(), model: attackEvidence().model })
  const links = [...document.querySelectorAll('tbody th a')].map((link) => link.getAttribute('href')!)
  const facts = links.map((link) => document.querySelector(`details > ${link}`)?.textContent)
  expect(facts).toEqual([
    expect.stringContaining('Testtest/robustness.test.ts > check 0'),
    expect.stringContaining('Testtest/robustness.test.ts > check 1'),
  ])
})

test('what was only measured is counted, too', () => {
  const { texts } = render(attackEvidence(), { ...attackEvidence(), assertion: undefined })
  expect(texts('.counts div')).toEqual(['passed0', 'failed1', 'inconclusive0', 'measured1'])
})

test('what fails as its test expects is counted apart, and no fault', () => {
  const assertion = { negated: false, passed: false, expectedToFail: true }
  const { texts } = render(attackEvidence({ assertion }))
  expect(texts('.counts div')).toEqual(['passed0', 'failed0', 'failed as expected1', 'inconclusive0'])
  expect(texts('tbody tr')[0]).toContain('pgd, failed as expected✓ fooled')
})

test('every chart has a name and its figures as a table', () => {
  const closest = attackEvidence({}, { name: 'deepFool', kind: 'minimal-distance', epsilon: undefined })
  const { document, texts } = render(closest, lowerBoundEvidence(), validityEvidence())
  expect(texts('figure > figcaption strong')).toEqual([
    'Fooling ratio against ε linf, 4 samples',
    'Distances of the adversarial examples linf, 4 samples',
    'Deviation of bounds and attacks linf, 4 samples',
    'Confusion of the fooled samples all attacks',
  ])
  for (const figure of document.querySelectorAll('figure:has(> figcaption)')) {
    expect(figure.querySelector('[role=img]')?.getAttribute('aria-label')).toBeTruthy()
    expect(figure.querySelector('[role=img] svg')).toBeTruthy()
    expect(figure.querySelectorAll('details tbody tr').length).toBeGreaterThan(0)
  }
  const figures = [...document.querySelectorAll('figure > details')]
  // Samples 0 and 1 are fooled at 0.03 and 0.08, sample 2 is not.
  expect(figures[0].textContent).toContain('deepFool0.0833.3')
  // 0.03 − 0.02 and 0.08 − 0.06.
  expect(figures[2].textContent).toContain('crown ↔ deepFool20.0150.007070.010.01250.0150.01750.0229.2 %0')
  expect(figures[3].textContent).toContain('171381')
})

test('the table of samples says what every check found', () => {
  const { texts } = render(attackEvidence(), lowerBoundEvidence(), validityEvidence())
  expect(texts('.samples thead th')).toEqual([
    'sample',
    'class',
    'predicted',
    'state',
    'pgd linf 0.1',
    'crown linf 0.05',
    'crown valid linf',
  ])
  expect(texts('.samples tbody tr')).toEqual([
    '033fooled0.03 → 800.02',
    '111fooled0.08 → 70.050.06',
    '277certifiedunfooled0.050.2',
    '306ineligible–––',
  ])
})

test('regressors are shown with what the attack did to their outputs', () => {
  const { texts } = render(
    regressionEvidence(),
    regressionEvidence({ attack: { ...regressionEvidence().attack, epsilon: 1 } }),
  )
  expect(texts('figure small')).toEqual(['l2, 4 samples, fooled by a PSNR below 20 dB'])
  expect(texts('.samples tbody tr')).toEqual([
    '0fooled24.5 → 18.5 fooled24.5 → 18.5 fooled',
    '1unfooled26 → 2126 → 21',
    '2unfooledInfinity → 22.5Infinity → 22.5',
    '3ineligible––',
  ])
})

test('a baseline is shown with what every sample withstands', () => {
  const { texts } = render(baselineEvidence())
  expect(texts('.samples thead th').at(-1)).toBe('deepFool baseline linf')
  expect(texts('.samples tbody tr')).toEqual([
    '033fooled0.03',
    '111fooled0.02',
    '277unfooledunfooled',
    '306ineligible–',
  ])
  expect(texts('.attention li')[0]).toContain(
    'deepFool finds the model weaker than its baseline __robustness__/a.json: of 3 samples, 1 withstand less than before and 0 more. Seed 4.',
  )
})

test('what is needed to repeat a check', () => {
  const { texts } = render(attackEvidence(), validityEvidence())
  const [attack, validity] = texts('.replay')
  expect(attack).toContain('✗ pgd linf 0.1 · test/robustness.test.ts > check 0')
  expect(attack).toContain("Commandnpx vitest run a.test.ts -t 'check 0$'")
  expect(attack).toContain('Seed1: given to the same check')
  expect(attack).toContain('Settingssteps: 40')
  expect(attack).toContain('5a'.repeat(32))
  expect(validity).toContain('Attack deepFoolnone')
})

test('names of users stay text, and nothing is loaded or run', () => {
  const [record] = records([hostileEvidence(), lowerBoundEvidence()])
  const { document, texts, html } = (() => {
    const html = renderHtml(
      createReport([{ ...record, file: `${hostile}.test.ts`, test: hostile, command: hostile }], true),
    )
    return { html, ...read(html) }
  })()
  expect([...document.querySelectorAll('img, iframe, link, object, embed, a[href^=http]')]).toEqual([])
  expect(document.querySelectorAll('script')).toHaveLength(1)
  expect([...document.querySelectorAll('*')].filter((element) => element.hasAttribute('onerror'))).toEqual([])
  expect(texts('h2')[1]).toBe(hostile)
  expect(texts('.samples')[0]).toContain(hostile)
  expect(html).toContain(`default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-`)
  expect(html).not.toMatch(/(src|href)="(?!#)/)
})

test('a run without checks, and one that found nothing out', () => {
  const empty = read(renderHtml(createReport([], true)))
  expect(empty.texts('main')[0]).toContain('No checks were recorded.')
  const { texts } = render(inconclusiveEvidence())
  expect(texts('svg')).toEqual([])
  expect(texts('.samples')).toEqual([])
  expect(texts('h3')).toEqual(['Checks', 'To repeat'])
})

test('problems and interruptions come first', () => {
  const report = createReport([...records([attackEvidence()]), { file: 'b.test.ts', test: 'old', evidence: {} }], false)
  const [first, second, third] = read(renderHtml(report)).texts('.attention li')
  expect(first).toContain('The run was interrupted')
  expect(second).toContain('b.test.ts > old: This is no evidence of a check.')
  expect(third).toContain('✗ failed')
})

test('what failed leads to what repeats it', () => {
  const other = { ...attackEvidence().model, name: 'other.onnx' }
  const checks = [lowerBoundEvidence(), attackEvidence(), inconclusiveEvidence(), attackEvidence({ model: other })]
  const { document } = render(...checks)
  const links = [...document.querySelectorAll('.attention a')]
  expect(links).toHaveLength(3)
  for (const link of links) {
    expect(document.querySelector(link.getAttribute('href')!)?.textContent).toContain(link.textContent)
  }
})

test('several models have a list of links', () => {
  const other = { ...attackEvidence().model, name: 'other.onnx' }
  const { document } = render(attackEvidence(), attackEvidence({ model: other }))
  const targets = [...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href')!)
  expect(targets.map((target) => document.querySelector(target)?.textContent)).toEqual([
    'digits_mlp.onnx',
    'other.onnx',
  ])
})

test('1 000 samples and twenty checks stay below 2 MB', () => {
  const { html, document } = render(...Array.from({ length: 20 }, () => manySamples(1000)))
  expect(Buffer.byteLength(html)).toBeLessThan(2_000_000)
  expect(document.querySelectorAll('.samples tbody tr')).toHaveLength(1000)
})

test('so do 50 000 samples, not all of which are in the table', () => {
  const { html, texts } = render(...Array.from({ length: 3 }, () => manySamples(50_000)))
  expect(Buffer.byteLength(html)).toBeLessThan(2_000_000)
  expect(texts('.samples > p')[0]).toMatch(/^The first \d+ of 50000 samples; report.json has all of them.$/)
})

describe('pictures of adversarial examples', () => {
  const picture = (sample: number, size = 8) => {
    const png = `iVBORw0KGgo${'A'.repeat(size)}`
    return { sample, original: png, perturbation: png, adversarial: png, amplification: 12.34 }
  }

  test('say what they show', () => {
    const attack = attackEvidence()
    const regression = regressionEvidence()
    const { document, texts } = render(
      { ...attack, finding: { ...attack.finding!, pictures: [picture(1)] } },
      { ...regression, finding: { ...regression.finding!, pictures: [picture(0)] } },
    )
    const [, ...alternatives] = [...document.querySelectorAll('.triptych img')].map((image) =>
      image.getAttribute('alt'),
    )
    expect(texts('.pictures figure')).toEqual([
      'class 1change ×\u00a012taken for 7Sample 1, linf distance 0.08, ε 0.1',
      'PSNR 24.5 dBchange ×\u00a012PSNR 18.5 dBSample 0, l2 distance 0.5, ε 0.5',
    ])
    expect(alternatives.slice(0, 2)).toEqual([
      'What the attack changes, amplified 12 times',
      'Sample 1 with the change: taken for 7',
    ])
  })

  test('leave the file below 2 MB: the first of each check, then the second, as long as there is room', () => {
    const { finding, ...check } = manySamples(1000)
    const pictures = [2, 3, 4, 5].map((sample) => picture(sample, 16_000))
    const illustrated = { ...check, finding: { ...finding!, pictures } }
    const { html, document } = render(...Array.from({ length: 10 }, () => illustrated))
    expect(Buffer.byteLength(html)).toBeLessThan(2_000_000)
    const shown = [...document.querySelectorAll('.pictures')].map((each) => each.querySelectorAll('figure').length)
    expect(shown).toEqual([2, 2, ...Array(8).fill(1)])
  })
})
