import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Chromium, findChromium } from '../reporters/chromium.js'
import { linkedProject, vitest } from './project.js'

const chromium = findChromium()

test.skipIf(chromium === undefined)('the report of the demo, opened from its file in Chromium', async () => {
  const project = linkedProject({})
  cpSync(fileURLToPath(new URL('../../demo', import.meta.url)), join(project.folder, 'demo'), { recursive: true })
  const run = await project.run(...vitest, '--config', 'demo/vitest.config.ts')
  expect(run.code, run.output).toBe(0)

  const file = join(project.folder, 'unfooled-report/report.html')
  expect(readFileSync(file).length).toBeLessThan(500_000)
  const page = await Chromium.open(chromium!, pathToFileURL(file).href)
  onTestFinished(() => page.close())
  expect(await page.evaluate('[...document.querySelectorAll("h2")].map((heading) => heading.textContent)')).toEqual([
    'Overview',
    'mnist_lenet.onnx',
    'digits_mlp.onnx',
  ])
  expect(await page.evaluate('document.querySelector(".counts").innerText.replace(/\\s+/g, " ")')).toBe(
    'passed 5 failed 0 inconclusive 0',
  )

  // Charts have marks: lines, bars, boxes, cells.
  const marks = await page.evaluate<number[]>(
    '[...document.querySelectorAll("[role=img] svg[viewBox]")].map((svg) => svg.querySelectorAll("path[d], rect, circle, line").length)',
  )
  expect(marks.length).toBeGreaterThanOrEqual(6)
  expect(Math.min(...marks)).toBeGreaterThan(2)

  // Four adversarial examples of each attack on images, three pictures each: read, and described.
  const images = await page.evaluate<{ width: number; alt: string }[]>(
    '[...document.querySelectorAll(".triptych img")].map(({ naturalWidth, alt }) => ({ width: naturalWidth, alt }))',
  )
  expect(images).toHaveLength(24)
  expect(images.map(({ width }) => width)).toEqual(Array(24).fill(28))
  expect(images[0].alt).toMatch(/^Sample \d+ as it is: class \d$/)

  for (const width of [1280, 400]) {
    await page.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
  }
  const { reached, operable } = await page.tabThrough()
  expect(operable).toBeGreaterThan(10)
  expect(reached).toEqual(Array.from({ length: operable }, (_, index) => index))
  expect(page.complaints).toEqual([])
})
