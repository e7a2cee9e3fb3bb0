import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderHtml } from '../../../reporters/html/page.js'
import { createReport } from '../../../reporters/report.js'
import { Chromium, findChromium } from '../chromium.js'
import {
  attackEvidence,
  hostile,
  hostileEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  manySamples,
  records,
  regressionEvidence,
  validityEvidence,
} from '../evidence.js'

const chromium = findChromium()

describe.skipIf(chromium === undefined)('in Chromium, from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-'))
  let page: Chromium
  beforeAll(async () => {
    const file = join(folder, 'report.html')
    const checks = [
      attackEvidence(),
      lowerBoundEvidence(),
      validityEvidence(),
      manySamples(1000),
      hostileEvidence(),
      regressionEvidence(),
      inconclusiveEvidence(),
    ]
    writeFileSync(file, renderHtml(createReport(records(checks), true)))
    page = await Chromium.open(chromium!, pathToFileURL(file).href)
  })
  afterAll(async () => {
    await page?.close()
    rmSync(folder, { recursive: true })
  })

  const count = (selector: string) =>
    page.evaluate<number>(`document.querySelectorAll(${JSON.stringify(selector)}).length`)

  test('nothing is complained about, and no name of a user becomes an element', async () => {
    expect(page.complaints).toEqual([])
    expect(await page.evaluate('document.title')).toBe('unfooled: robustness report')
    expect(await count('img')).toBe(await count('.triptych img[src^="data:image/png;base64,"]'))
    expect(await page.evaluate('[...document.querySelectorAll("h2")].map((h) => h.textContent)')).toContain(
      hostile.replace('\ud800', '\ufffd'),
    )
  })

  test.each([1280, 400])('fits %i pixels, with charts large enough to read', async (width) => {
    await page.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    const widths = await page.evaluate<number[]>(
      '[...document.querySelectorAll("[role=img] svg[viewBox]")].map((svg) => svg.getBoundingClientRect().width)',
    )
    expect(widths.length).toBeGreaterThan(5)
    expect(Math.min(...widths)).toBeGreaterThan(320)
  })

  test('light and dark text stands out from its background', async () => {
    for (const value of ['light', 'dark']) {
      await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] })
      const [text, background] = await page.evaluate<string[]>(
        '((style) => [style.color, style.backgroundColor])(getComputedStyle(document.body))',
      )
      expect(contrast(text, background)).toBeGreaterThan(7)
      for (const verdict of ['passed', 'failed', 'inconclusive']) {
        const colour = await page.evaluate<string>(
          `getComputedStyle(document.querySelector('.counts .${verdict}')).color`,
        )
        expect(contrast(colour, background)).toBeGreaterThan(4.5)
      }
    }
  })

  test('everything that can be operated is reached by the keyboard, in the order of the page', async () => {
    const { operable, reached } = await page.tabThrough()
    expect(operable).toBeGreaterThan(10)
    expect(reached).toEqual(Array.from({ length: operable }, (_, index) => index))
  })

  test('a screen reader is told a name for every heading, picture, table and control', async () => {
    const { nodes } = await page.send<{ nodes: AccessibilityNode[] }>('Accessibility.getFullAXTree')
    const roles = ['heading', 'image', 'table', 'region', 'navigation', 'button', 'combobox', 'searchbox', 'link']
    const shown = nodes.filter(({ ignored, role }) => !ignored && roles.includes(role.value))
    expect(shown.filter(({ role }) => role.value === 'image').length).toBeGreaterThan(5)
    expect(shown.filter(({ name }) => !name?.value.trim()).map(({ role }) => role.value)).toEqual([])
  })

  test.each(['tbody th a', '.attention a'])('the link %s opens what repeats a check', async (selector) => {
    await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = false')
    await page.evaluate(`(window.link = document.querySelector(${JSON.stringify(selector)})).focus()`)
    expect(await page.evaluate('document.querySelector(link.hash).parentElement.open')).toBe(false)
    await page.press('Enter')
    expect(await page.evaluate('document.querySelector(link.hash).parentElement.open')).toBe(true)
  })

  test('samples are sorted and filtered by keyboard', async () => {
    // The set with a thousand samples.
    const table =
      '[...document.querySelectorAll(".samples")].find((each) => each.querySelectorAll("tbody tr").length > 10)'
    await page.evaluate(`(window.samples = ${table}).querySelector('summary').focus()`)
    await page.press('Enter')
    expect(await page.evaluate('samples.open')).toBe(true)
    const column = () =>
      page.evaluate<string[]>(
        '[...samples.querySelectorAll("tbody tr:not([hidden]) td:last-child")].map((td) => td.textContent)',
      )

    await page.evaluate('samples.querySelector("th:last-child button").focus()')
    await page.press('Enter')
    expect(await page.evaluate('samples.querySelector("th:last-child").getAttribute("aria-sort")')).toBe('ascending')
    const ascending = (await column()).map(Number.parseFloat)
    const numbers = ascending.filter((value) => !Number.isNaN(value))
    expect(numbers).toHaveLength(800)
    expect(ascending.slice(0, 800)).toEqual(numbers.toSorted((one, other) => one - other))

    await page.press('Enter')
    expect(await page.evaluate('samples.querySelector("th:last-child").getAttribute("aria-sort")')).toBe('descending')
    expect((await column()).map(Number.parseFloat).slice(0, 800)).toEqual(numbers.toReversed())

    await page.evaluate('samples.querySelector(".scroll").scrollTop = 1000')
    const tops = '[".scroll", "thead th"].map((part) => samples.querySelector(part).getBoundingClientRect().top)'
    const [top, head] = await page.evaluate<number[]>(tops)
    expect(head).toBeCloseTo(top, 0)

    await page.evaluate('samples.querySelector("select").value = "unfooled"')
    await page.evaluate('samples.querySelector("select").dispatchEvent(new Event("change"))')
    expect(await column()).toEqual(Array(100).fill('unfooled'))
    expect(await page.evaluate('samples.querySelector("[role=status]").textContent')).toBe('100 of 1000 samples')

    await page.evaluate('samples.querySelector("input").value = "no such sample"')
    await page.evaluate('samples.querySelector("input").dispatchEvent(new Event("input"))')
    expect(await column()).toEqual([])
    expect(page.complaints).toEqual([])
  })
})

interface AccessibilityNode {
  readonly ignored: boolean
  readonly role: { readonly value: string }
  readonly name?: { readonly value: string }
}

/** Contrast ratio of WCAG 2. */
function contrast(one: string, other: string): number {
  const [dark, light] = [one, other].map(luminance).sort((left, right) => left - right)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const [red, green, blue] = [...colour.matchAll(/\d+/g)].map(([channel]) => {
    const value = Number(channel) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
