import { refuseUnknown, settingsOf } from '../../arguments.js'
import { distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { range, rowOf } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkCount, checkTarget, recorded } from '../check-settings.js'
import { Decisions } from './decisions.js'
import { type Ray, SignSearch } from './sign-search.js'
import { startingPoints } from './starting-points.js'

export interface RaySSettings {
  /** Most forward passes per sample. Default 5000. */
  readonly queries?: number
  /** Class to move all samples to, or one per sample. Default: any other class. */
  readonly target?: PerSample
}

/**
 * RayS: the closest ℓ∞ adversarial example on rays with one sign per feature. Flips the signs of ever smaller blocks of
 * features and keeps what brings the boundary closer; one query rules out most flips. Needs the predicted class only. A
 * minimal-distance attack. The published search ends where no flip helps; here it goes on with random
 * blocks, and then from other starting points.
 * Chen and Gu, "RayS: a ray searching method for hard-label adversarial attack", KDD 2020.
 * @throws SettingsError when a setting makes no sense.
 */
export function rayS(settings: RaySSettings = {}): Attack {
  const { queries = 5000, target, ...others } = settingsOf('rayS', settings, '{ queries: 5000 }')
  refuseUnknown('rayS', others)
  checkCount('rayS', 'queries', queries)
  checkTarget('rayS', target)
  return {
    name: 'rayS',
    kind: 'minimal-distance',
    norm: 'linf',
    target,
    settings: { norm: 'linf', queries, ...(target !== undefined && { target: recorded(target) }) },
    run: (context) => run(context, queries),
  }
}

// How closely the distance to the boundary is measured along a ray, relative to it.
const tolerance = 1e-3

async function run(context: AttackContext, queries: number): Promise<AttackCandidates> {
  const { model, inputs, labels, random } = context
  const { domain } = model
  const size = domain.lower.length
  const decisions = new Decisions(context, queries)
  const others = await context.otherSamples()
  const adversarial = new Float32Array(inputs.data)
  const steps = new Int32Array(labels.length)
  const closest = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  const widest = distance(domain.lower, domain.upper).linf

  const write = (sample: number, { signs }: Ray, radius: number, point: Float32Array) => {
    const center = rowOf(inputs.data, size, sample)
    for (let feature = 0; feature < size; feature++) point[feature] = center[feature] + signs[feature] * radius
    clipToDomain(point, domain)
  }
  const searches = range(labels.length).map(
    (sample) =>
      new SignSearch({
        center: rowOf(inputs.data, size, sample),
        upper: domain.upper,
        starts: startingPoints(context, others, sample, 'linf'),
        radius: widest,
        random: random[sample],
      }),
  )
  for (let samples = range(labels.length); ; ) {
    samples = samples.filter((sample) => decisions.left(sample) > 0 && closest[sample] > 0)
    if (samples.length === 0) break
    const rays = samples.map((sample) => searches[sample].propose())
    const points = new Float32Array(samples.length * size)
    samples.forEach((sample, index) => write(sample, rays[index], rays[index].radius, rowOf(points, size, index)))
    const answers = await decisions.areAdversarial(samples, points)
    const hits = range(samples.length).filter((index) => answers[index])
    const fractions = await decisions.bisect(
      hits.map((index) => samples[index]),
      tolerance,
      (path, fraction, point) =>
        write(samples[hits[path]], rays[hits[path]], rays[hits[path]].radius * fraction, point),
    )
    hits.forEach((index, path) => {
      const [sample, ray] = [samples[index], rays[index]]
      const radius = ray.radius * fractions[path]
      searches[sample].accept({ ...ray, radius })
      if (radius >= closest[sample]) return
      closest[sample] = radius
      write(sample, ray, radius, rowOf(adversarial, size, sample))
    })
    for (const sample of samples) steps[sample]++
    context.progress(decisions.progress)
  }
  return {
    adversarial,
    steps,
    gradientQueries: new Int32Array(labels.length),
    forwardQueries: decisions.forwardQueries,
    interrupted: decisions.interrupted,
  }
}
