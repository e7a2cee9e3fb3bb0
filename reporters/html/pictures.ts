import type { Evidence, RecordedCheck } from '../../src/checks/evidence.js'
import type { Picture } from '../../src/checks/pictures.js'
import { formatNumber } from '../../src/format.js'
import { describeCheck, short } from '../columns.js'
import { methodOf } from '../method.js'
import type { ModelReport } from '../report.js'
import type { CheckSummary } from '../summary.js'
import { element, type HtmlElement } from './element.js'

/** Of all pictures of a report, in characters: they are most of what a file with many of them weighs. */
const pictureRoom = 600_000

type Illustrated = Extract<Evidence, { kind: 'attack' | 'regression-attack' }>

/** The pictures of a report that it has room for: the first of every check, then the second, and so on. */
export function choosePictures(records: readonly RecordedCheck[]): ReadonlySet<Picture> {
  const all = records.map(({ evidence }) => picturesOf(evidence))
  const turns = Math.max(0, ...all.map((pictures) => pictures.length))
  const inTurn = Array.from({ length: turns }, (_, turn) => all.flatMap((pictures) => pictures[turn] ?? [])).flat()
  let room = pictureRoom
  return new Set(
    inTurn.filter(({ original, perturbation, adversarial }) => {
      room -= original.length + perturbation.length + adversarial.length
      return room >= 0
    }),
  )
}

/** A few fooled samples of each attack on images: original, perturbation and adversarial example side by side. */
export function renderPictures({ checks, records }: ModelReport, chosen: ReadonlySet<Picture>): HtmlElement[] {
  return records.flatMap(({ evidence }, index) => {
    const pictures = picturesOf(evidence).filter((picture) => chosen.has(picture))
    if (pictures.length === 0) return []
    return [
      element('h4', {}, describeCheck({ ...checks[index], negated: false })),
      element(
        'div',
        { class: 'pictures' },
        ...pictures.map((picture) => renderPicture(picture, evidence as Illustrated, checks[index])),
      ),
    ]
  })
}

function picturesOf(evidence: Evidence): readonly Picture[] {
  return evidence.kind === 'attack' || evidence.kind === 'regression-attack' ? (evidence.finding?.pictures ?? []) : []
}

function renderPicture(picture: Picture, evidence: Illustrated, check: CheckSummary): HtmlElement {
  const { sample, amplification } = picture
  const { before, after } = describeChange(evidence, sample)
  const factor = formatFactor(amplification)
  const image = (data: string, caption: string, alt: string) =>
    element(
      'div',
      {},
      element('img', { src: `data:image/png;base64,${data}`, alt }),
      element('span', { 'aria-hidden': 'true' }, caption),
    )
  return element(
    'figure',
    {},
    element(
      'div',
      { class: 'triptych' },
      image(picture.original, before, `Sample ${sample} as it is: ${before}`),
      image(picture.perturbation, `change × ${factor}`, `What the attack changes, amplified ${factor} times`),
      image(picture.adversarial, after, `Sample ${sample} with the change: ${after}`),
    ),
    element('figcaption', {}, describeDistance(sample, evidence, check)),
  )
}

function describeChange(evidence: Illustrated, sample: number): { before: string; after: string } {
  if (evidence.kind === 'attack') {
    const { labels, adversarialPredictions } = evidence.finding!.perSample
    return { before: `class ${labels[sample]}`, after: `taken for ${adversarialPredictions[sample]}` }
  }
  const { cleanErrors, errors } = evidence.finding!.perSample
  const { quantity } = evidence.limit
  const amount = (value: number) => (quantity === 'psnr' ? `PSNR ${short(value)} dB` : `${quantity} ${short(value)}`)
  return { before: amount(cleanErrors[sample]), after: amount(errors[sample]) }
}

function describeDistance(sample: number, evidence: Illustrated, { norm }: CheckSummary): string {
  const { epsilon } = methodOf(evidence)
  const radius = typeof epsilon === 'object' ? epsilon[sample] : epsilon
  const distance = short(evidence.finding!.perSample.distances[sample])
  return `Sample ${sample}, ${norm} distance ${distance}${radius === undefined ? '' : `, ε ${formatNumber(radius)}`}`
}

function formatFactor(factor: number): string {
  return factor >= 10 ? String(Math.round(factor)) : String(Number(factor.toPrecision(2)))
}
