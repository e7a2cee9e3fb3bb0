import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { temporaryFolder, unfooled } from './command-line.js'

const folder = temporaryFolder()
const write = (name: string, contents: string | Uint8Array) => {
  writeFileSync(join(folder, name), contents)
  return join(folder, name)
}

/** Class 1 where the sum of two features is above 1; the samples are 0.1, 0.2, 0.3 and 0.4 from the boundary in ℓ∞. */
const model = write(
  'sum.onnx',
  denseModel({
    weights: [
      [0, 0],
      [1, 1],
    ],
    bias: [1, 0],
  }),
)
const samples = write('samples.csv', 'a,b,label\n0.4,0.4,0\n0.3,0.3,0\n0.8,0.8,1\n0.9,0.9,1\n')
const output = join(folder, 'report')
// With a day of time, nothing depends on how fast the machine is.
const common = ['--seed', String(seed), '--output', output, '--budget', '86400']

const readReport = () => JSON.parse(readFileSync(join(output, 'report.json'), 'utf8'))

describe('a linear model, of which all distances are known', async () => {
  const run = await unfooled('audit', model, samples, '--epsilon', '0.25', ...common)
  const { checks, complete } = readReport()
  const find = (name: string, radius?: number) =>
    checks.find(
      ({ evidence }: { evidence: { attack?: { name: string; epsilon?: number }; bound?: { name: string } } }) =>
        (evidence.attack ?? evidence.bound)!.name === name &&
        (radius === undefined || evidence.attack?.epsilon === radius),
    ).evidence

  test('is audited: exit code 0, although it is fooled, for there is no limit', () => {
    expect(run).toMatchObject({ code: 0 })
    expect(complete).toBe(true)
    expect(checks.map(({ evidence }: { evidence: { assertion?: object; kind: string } }) => evidence.kind)).toEqual([
      ...Array(7).fill('attack'),
      'bound-validity',
    ])
  })

  test('tells of its progress', () => {
    expect(run.progress).toEqual(
      expect.arrayContaining(
        ['randomNoise', 'pgd', 'autoAttack', 'crown'].map((name) => expect.stringContaining(`${name} on sum.onnx: `)),
      ),
    )
  })

  test('says how to repeat it', () => {
    expect(checks[0].command).toBe(
      `npx unfooled audit ${model} ${samples} --epsilon 0.25 --seed ${seed} --output ${output} --budget 86400`,
    )
  })

  test('is fooled by PGD exactly where the radius reaches the boundary', () => {
    const fooled = [0.0625, 0.125, 0.25, 0.5].map((radius) => find('pgd', radius).finding.fooled)
    expect(fooled).toEqual([0, 1, 2, 4])
    expect(find('pgd', 0.25)).toMatchObject({ maxFoolingRatio: 1, seed, finding: { eligible: 4, cleanAccuracy: 1 } })
  })

  test('has AutoAttack where time allows, DeepFool, and valid bounds', () => {
    expect(find('autoAttack').finding.fooled).toBe(2)
    expect(find('deepFool').finding.medianDistance).toBeCloseTo(0.25, 2)
    const { verdict, finding, samples: bounded } = find('crown')
    expect({ verdict, count: bounded.count }).toEqual({ verdict: 'valid', count: 4 })
    expect(finding.minimum).toBeGreaterThan(0.098)
    expect(finding.minimum).toBeLessThanOrEqual(0.1)
  })

  test('is shown as a table; progress goes elsewhere', () => {
    expect(run.printed).toMatch(/unfooled: 8 checks of 1 model, none failed/)
    expect(run.printed).toMatch(/Report: .*report\.json\nReport: .*report\.html$/)
    expect(run.printed).not.toContain('…')
    expect(run.noted).toMatch(/randomNoise …\nrandomNoise: .*\d m?s\npgd at four radii …/)
  })
})

test('a limit makes it a gate', async () => {
  const limited = (limit: string) =>
    unfooled('audit', model, samples, '--epsilon', '0.25', '--max-fooling-ratio', limit, ...common)
  expect((await limited('0.5')).code).toBe(0)
  const failed = await limited('0.4')
  expect(failed.code).toBe(1)
  expect(failed.printed).toMatch(/autoAttack within linf 0\.25 fooled 2 of 4 samples \(50 %\); accepted at most 40 %/)
})

test('time that is up is no result, and where nothing has one the exit code says so', async () => {
  const run = await unfooled('audit', model, samples, '--epsilon', '0.01', ...common, '--budget', '0.000001')
  expect(run.code).toBe(1)
  expect(run.printed).toMatch(/might have fooled more\./)
})

test('APGD takes the place of AutoAttack in ℓ1, and samples can be limited', async () => {
  const run = await unfooled('audit', model, samples, '--norm', 'l1', '--epsilon', '0.3', '--count', '2', ...common)
  expect(run.code).toBe(0)
  const { checks } = readReport()
  const { evidence } = checks.find(
    ({ evidence }: { evidence: { attack?: { name: string } } }) => evidence.attack?.name === 'apgd',
  )
  // In ℓ1 the boundary is twice as far: 0.2 and 0.4.
  expect(evidence.finding).toMatchObject({ eligible: 2, fooled: 1 })
  const closest = checks.find(
    ({ evidence }: { evidence: { attack?: { name: string } } }) => evidence.attack?.name === 'deepFool',
  )
  expect(closest.evidence.attack.norm).toBe('l1')
})

test('nothing that is classified correctly is a finding', async () => {
  const wrong = write('wrong.csv', '0.4,0.4,1\n0.8,0.8,0\n')
  const run = await unfooled('audit', model, wrong, '--labels=-1', ...common)
  expect(run.code).toBe(1)
  expect(run.printed).toMatch(/None of the 2 samples is classified correctly/)
})

test('a model that leaves sizes open is told them', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 'features'])
  const sum = builder.add('ReduceSum', [input, builder.ints([1])], { keepdims: 1 })
  builder.output('score', builder.add('Sub', [sum, builder.floats([1])]))
  const open = write('open.onnx', encodeModel(builder.build()))
  const untold = await unfooled('audit', open, samples, ...common)
  expect(untold).toMatchObject({ code: 2, noted: expect.stringMatching(/leaves sizes open: \[batch, features\]/) })
  const run = await unfooled('audit', open, samples, '--shape', '2', '--epsilon', '0.01', ...common)
  expect(run.code).toBe(0)
})

test('a model without gradients is attacked by what needs none', async () => {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  const tangent = builder.add('Tan', [builder.add('Mul', [input, builder.scalar(0.5)])])
  builder.output('logits', builder.add('Sub', [tangent, builder.scalar(0.3)]))
  const tan = write('tan.onnx', encodeModel(builder.build()))
  const run = await unfooled('audit', tan, write('plain.csv', '0.2,0.4\n0.9,0.1\n'), ...common)
  expect(run.code).toBe(0)
  expect(run.printed).toMatch(/square/)
  expect(run.printed).toMatch(/No gradient rule for operator Tan/)
})

test.each([
  ['no samples', ['audit', model], /needs a model and samples, but was given .*sum\.onnx/],
  ['too much', ['audit', model, samples, 'more'], /needs a model and samples/],
  ['a model that does not exist', ['audit', 'nowhere.onnx', samples], /nowhere\.onnx/],
  ['samples that do not exist', ['audit', model, 'nowhere.csv'], /nowhere\.csv: cannot be read/],
  ['samples as a model', ['audit', samples, samples], /not an ONNX model/],
  ['a folder as a model', ['audit', folder, samples], /cannot be read|EISDIR/],
  ['a folder without images as samples', ['audit', model, folder], /not in the subfolder of a class/],
  ['a regressor', ['audit', regressor(), samples], /loadRegressor/],
  ['samples of another size', ['audit', model, write('wide.csv', '1,2,3\n')], /samples have shape \[3\]/],
  ['samples outside of the domain', ['audit', model, samples, '--domain', '0,0.5'], /outside the domain \[0, 0.5\]/],
  [
    'labels that are no class',
    ['audit', model, write('labels.csv', '0,0,2\n'), '--labels', '2'],
    /Label 2 of sample 0/,
  ],
  ['a domain of one number', ['audit', model, samples, '--domain', '1'], /--domain must be two numbers/],
  ['a domain of words', ['audit', model, samples, '--domain', '0,one'], /--domain must be two numbers/],
  ['a reversed domain', ['audit', model, samples, '--domain', '1,0'], /ascending order/],
  ['an unknown norm', ['audit', model, samples, '--norm', 'l7'], /--norm must be one of linf, l2, l1/],
  ['ℓ2 without a radius', ['audit', model, samples, '--norm', 'l2'], /--epsilon is needed/],
  ['a negative radius', ['audit', model, samples, '--epsilon=-1'], /--epsilon must be a number above 0/],
  ['no budget', ['audit', model, samples, '--budget', '0'], /--budget must be a number of seconds above 0/],
  ['a limit above 1', ['audit', model, samples, '--max-fooling-ratio', '5'], /--max-fooling-ratio must be from 0 to 1/],
  ['a size of no number', ['audit', model, samples, '--shape', '2,x'], /--shape must be whole numbers/],
  ['half a sample', ['audit', model, samples, '--count', '0.5'], /--count must be a whole number from 1/],
  ['an option that does not exist', ['audit', model, samples, '--epsilom', '1'], /Unknown option '--epsilom'/],
  ['an array name for a CSV file', ['audit', model, samples, '--inputs', 'x'], /a CSV file has no option "inputs"/],
])('refuses %s', async (_, args, message) => {
  const run = await unfooled(...args)
  expect(run.code).toBe(2)
  expect(run.noted).toMatch(message)
  expect(run.noted).not.toMatch(/\n\s+at /)
  expect(run.printed).toBe('')
})

test('refuses a folder for the report that is a file', async () => {
  const run = await unfooled('audit', model, samples, '--count', '1', '--output', samples)
  expect(run.code).toBe(2)
  expect(run.noted).toMatch(/--output .*samples\.csv: the report cannot be written/)
})

function regressor(): string {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  builder.output('image', builder.add('Reshape', [input, builder.ints([0, 1, 2])]))
  return write('regressor.onnx', encodeModel(builder.build()))
}
