import { createHash } from 'node:crypto'
import type { Method, SampleSet } from '../checks/evidence.js'
import { encodeJson } from '../checks/json-safe.js'
import type { Domain } from '../geometry/domain.js'
import type { PerSample } from '../sampling/per-sample.js'
import type { Baseline, Setting } from './baseline.js'

/** The setting of a check, with fingerprints in place of what is too long to read. */
export function describeSetting(check: {
  readonly samples: SampleSet
  readonly labels: Int32Array | undefined
  readonly domain: Domain
  readonly device: string
  readonly method: Method
  readonly target?: PerSample
}): Setting {
  const { epsilon, ...method } = check.method
  const { count, sha256 } = check.samples
  const radius = brief(epsilon)
  const target = brief(check.target)
  return {
    samples: { count, sha256, labels: check.labels ? fingerprint(check.labels) : 'predicted' },
    domain: describeDomain(check.domain),
    device: check.device,
    method: {
      ...method,
      // As it is read back: JSON has no infinite numbers, and nothing that is undefined.
      settings: encodeJson(method.settings) as Method['settings'],
      ...(radius !== undefined && { epsilon: radius }),
      ...(target !== undefined && { target }),
    },
  }
}

/**
 * Where the setting of a baseline is another than that of the check, one phrase for each difference.
 * @param resampled Whether the samples are drawn anew for every run and need not be the same.
 */
export function differences(
  stored: Pick<Baseline, 'check' | 'setting'>,
  current: Pick<Baseline, 'check' | 'setting'>,
  resampled: boolean,
): string[] {
  const before = partsOf(stored, resampled)
  const now = partsOf(current, resampled)
  return [...new Set(before.flatMap((part, index) => differencesIn(part, now[index])))]
}

/** Apart, because methods have settings of the same names: what is the domain of the model, and what a bound makes of it. */
function partsOf({ check, setting }: Pick<Baseline, 'check' | 'setting'>, resampled: boolean): readonly object[] {
  const { samples, domain, device, method } = setting
  const { name, settings, ...rest } = method
  return [
    { check },
    { method: name, ...rest },
    settings,
    {
      domain,
      device,
      ...(resampled ? {} : { samples: samples.count, inputs: samples.sha256 }),
      // Labels of other samples differ anyway.
      labels: resampled && samples.labels !== 'predicted' ? 'given' : samples.labels,
    },
  ]
}

function differencesIn(before: object, now: object): string[] {
  const [were, are] = [before, now].map(
    (part) => new Map(Object.entries(part).map(([key, value]) => [key, word(value)])),
  )
  return [...new Set([...were.keys(), ...are.keys()])]
    .filter((name) => were.get(name) !== are.get(name))
    .map((name) => `${name} ${were.get(name) ?? '(none)'} instead of ${are.get(name) ?? '(none)'}`)
}

function word(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function describeDomain({ lower, upper }: Domain): string {
  const uniform = (values: Float32Array) => values.every((value) => value === values[0])
  if (uniform(lower) && uniform(upper)) return `${lower[0]} to ${upper[0]}`
  return `sha256 ${createHash('sha256').update(lower).update(upper).digest('hex')}`
}

function brief(value: PerSample | undefined): number | string | undefined {
  return typeof value === 'object' ? `sha256 ${fingerprint(Float64Array.from(value))}` : value
}

function fingerprint(values: Int32Array | Float64Array): string {
  return createHash('sha256').update(values).digest('hex')
}
