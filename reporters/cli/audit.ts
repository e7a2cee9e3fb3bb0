import { parseArgs } from 'node:util'
import { encodeEvidence } from '../../src/checks/encoded-evidence.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { checkInputs, checkLabels } from '../../src/model/check-inputs.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadTfjsModel } from '../../src/model/tensorflow/load-tfjs-model.js'
import { type LoadSamplesOptions, loadSamples } from '../../src/sampling/load-samples.js'
import { freshSeed } from '../../src/sampling/random.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { quote } from '../command.js'
import type { Format } from '../formats.js'
import { createReport, type Report } from '../report.js'
import { type AuditSettings, auditSuite } from './audit-suite.js'
import { type ExitCode, parseChoice, parseNumber, type Verb } from './verb.js'
import { readFormats, reportHelp, reportOptions, writeReport } from './write-report.js'

const help = `Usage: unfooled audit <model> <samples> [options]

Attacks a classifier, bounds its robustness, and writes a report: noise, PGD at four radii, APGD or AutoAttack, DeepFool, and
CROWN on the first ten samples. <model> is an .onnx file, or the model.json of TensorFlow.js. <samples> is whatever
loadSamples reads: .npz, .npy, .csv, IDX, a folder of images.

  --domain <low,high>          values that inputs can take (default 0,1); write --domain=-1,1 for a negative one
  --norm <linf|l2|l1>          how perturbations are measured (default linf)
  --epsilon <number>           radius of the attacks, in input units (default with linf: a tenth of the domain)
  --max-fooling-ratio <ratio>  fail when an attack at the radius fools more than this share of the samples
  --shape <sizes>              one sample's, where the model leaves it open, such as 3,224,224
  --inputs <name>              array with the inputs in an .npz file
  --labels <name|file|column>  array in an .npz file, another .npy or IDX file, column of a CSV file (--labels=-1 is the last)
  --count <number>             use only the first samples (default: all)
  --budget <seconds>           time for everything together (default 120)
  --seed <number>              repeats an audit (default: a new one, which the report has)
${reportHelp}

Exit code 0: audited. 1: more fooled than accepted, nothing could be tested, or a bound is wrong. 2: bad options or files.`

/** A default suite of checks, without a test file. */
export const audit: Verb = {
  summary: 'attacks a model and bounds its robustness, without a test file',
  help,
  run: async (args, output) => {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: optionTypes })
    const [modelPath, samplesPath, ...others] = positionals
    if (modelPath === undefined || samplesPath === undefined || others.length > 0) {
      throw new SettingsError(
        `needs a model and samples, but was given ${positionals.join(' ') || 'nothing'}. See unfooled audit --help.`,
      )
    }
    const settings = readSettings(values)
    const load = modelPath.endsWith('.json') ? loadTfjsModel : loadModel
    const model = await load(modelPath, { domain: settings.domain, featureShape: settings.shape })
    try {
      const options = { ...labelOptions(values), featureShape: model.featureShape }
      const loaded = await loadSamples(samplesPath, options)
      const samples = settings.count === undefined ? loaded : firstSamples(loaded, settings.count)
      checkInputs(samples.inputs, model)
      if (samples.labels) checkLabels(samples.labels, samples.inputs.shape[0], model)
      const checks = await auditSuite(model, samples, settings, output)
      const records = checks.map((evidence) => ({
        file: modelPath,
        test: undefined,
        command: ['npx unfooled audit', ...withSeed(args, settings.seed).map(quote)].join(' '),
        evidence: encodeEvidence(evidence),
      }))
      const report = createReport(records, true)
      await writeReport(report, { output: values.output, formats: settings.formats }, output)
      return exitCode(report)
    } finally {
      await model.close()
      await engine.close()
    }
  },
}

const optionTypes = {
  domain: { type: 'string', default: '0,1' },
  norm: { type: 'string', default: 'linf' },
  epsilon: { type: 'string' },
  'max-fooling-ratio': { type: 'string' },
  shape: { type: 'string' },
  inputs: { type: 'string' },
  labels: { type: 'string' },
  count: { type: 'string' },
  budget: { type: 'string', default: '120' },
  seed: { type: 'string' },
  ...reportOptions,
} as const

function withSeed(args: readonly string[], seed: number): readonly string[] {
  return args.some((argument) => argument.startsWith('--seed')) ? args : [...args, '--seed', String(seed)]
}

type Values = { readonly [name in keyof typeof optionTypes]?: string }

interface Settings extends AuditSettings {
  readonly domain: readonly [number, number]
  readonly shape?: readonly number[]
  readonly count?: number
  readonly formats: readonly Format[]
}

function readSettings(values: Values): Settings {
  const given = (option: keyof Values, range: string, inRange: (value: number) => boolean) =>
    values[option] === undefined ? undefined : parseNumber(option, values[option], range, inRange)
  const domain = readDomain(values.domain!)
  const norm = parseChoice('norm', values.norm!, ['linf', 'l2', 'l1'])
  const epsilon = given('epsilon', 'a number above 0', (value) => value > 0)
  if (epsilon === undefined && norm !== 'linf') {
    throw new SettingsError(`--epsilon is needed with --norm ${norm}: which radius makes sense depends on the inputs.`)
  }
  return {
    domain,
    norm,
    epsilon: epsilon ?? (domain[1] - domain[0]) / 10,
    maxFoolingRatio: given('max-fooling-ratio', 'from 0 to 1', (value) => value >= 0 && value <= 1),
    shape: values.shape
      ?.split(',')
      .map((size) => parseNumber('shape', size, 'whole numbers, such as 3,224,224', isSize)),
    count: given('count', 'a whole number from 1', (value) => Number.isInteger(value) && value >= 1),
    formats: readFormats(values.formats!),
    milliseconds: 1000 * given('budget', 'a number of seconds above 0', (value) => value > 0)!,
    seed: given('seed', 'a whole number from 0', (value) => Number.isInteger(value) && value >= 0) ?? freshSeed(),
  }
}

function isSize(size: number): boolean {
  return Number.isInteger(size) && size >= 1
}

function readDomain(text: string): readonly [number, number] {
  const bounds = text.split(',')
  if (bounds.length !== 2) throw new SettingsError(`--domain must be two numbers, such as 0,1, but is "${text}".`)
  const [low, high] = bounds.map((bound) => parseNumber('domain', bound, 'two numbers, such as 0,1', () => true))
  if (low < high) return [low, high]
  throw new SettingsError(`--domain must be in ascending order, such as 0,1, but is "${text}".`)
}

/** A number of a column stands for the column; all other labels are names. */
function labelOptions({ inputs, labels }: Values): LoadSamplesOptions {
  return { inputs, labels: labels !== undefined && /^-?\d+$/.test(labels) ? Number(labels) : labels }
}

/** Without a limit, being fooled is a result like any other. */
function exitCode({ models, problems }: Report): ExitCode {
  const checks = models.flatMap((model) => model.checks)
  const attacks = checks.filter(({ kind }) => kind === 'attack')
  const isBad =
    problems.length > 0 ||
    models.some(({ contradictions }) => contradictions.length > 0) ||
    checks.some(({ passed }) => passed === false) ||
    attacks.every(({ verdict }) => verdict === 'inconclusive')
  return isBad ? 1 : 0
}
