// Builds dist/esm (tsc: code and declarations; esbuild takes the comments out of the code, which declarations have too) and
// dist/cjs (esbuild, file by file, for Jest and require()).
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const esm = join(root, 'dist/esm')
const cjs = join(root, 'dist/cjs')
const worker = 'src/engine/onnxruntime-worker.cjs'
const html = 'reporters/html'

rmSync(join(root, 'dist'), { recursive: true, force: true })
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(1)

const fileByFile = {
  entryPoints: readdirSync(esm, { recursive: true })
    .filter((file) => file.endsWith('.js'))
    .map((file) => join(esm, file)),
  outbase: esm,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
}
await build({
  ...fileByFile,
  // Vitest cannot be required: its matchers are an ES module for require(), too, and only their types are there twice.
  entryPoints: fileByFile.entryPoints.filter(
    (file) => file !== join(esm, 'matchers/vitest.js') && dirname(file) !== join(esm, html),
  ),
  outdir: cjs,
  format: 'cjs',
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href" },
  // Jest runs CommonJS without import().
  supported: { 'dynamic-import': false },
})
await build({ ...fileByFile, outdir: esm, format: 'esm', allowOverwrite: true })
cpSync(esm, cjs, { recursive: true, filter: (source) => !source.endsWith('.js') })
// Reporters are no code that Jest runs, and have import(). Their charts come from ES modules, which require() does not find
// where they are in an archive: with Yarn's Plug'n'Play.
writeFileSync(
  join(cjs, html, 'page.js'),
  `exports.renderHtml = async (report) => (await import('../../../esm/${html}/page.js')).renderHtml(report)\n`,
)
writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
for (const folder of [esm, cjs]) copyFileSync(join(root, worker), join(folder, worker))
