/**
 * npm run generate: writes the tables of hand-written pages that follow from code, each between the
 * marks `<!-- NAME -->` and `<!-- /NAME -->`. It reads the modules of the last build.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parse } from 'yaml'
import { withBlock } from './blocks.mjs'
import { readOptions } from './options.mjs'
import { cardDifferences, cardRegisters } from './tables/card.mjs'
import { checksOf } from './tables/checks.mjs'
import { controlTable } from './tables/control.mjs'
import { exploreOptions } from './tables/explore.mjs'
import { exportsTable } from './tables/exports.mjs'
import { commonFields, fieldValues, outputs } from './tables/json.mjs'
import { labKeys, lanKeys } from './tables/keys.mjs'
import { metricsTable } from './tables/metrics.mjs'
import { reasonsTable } from './tables/statistics.mjs'
import { presetsTable, wordsTables } from './tables/wires.mjs'

const root = resolve(import.meta.dirname, '..')
const read = path => readFileSync(join(root, path), 'utf8')

/**
 * The blocks of each page. `from` are the modules, YAML and JSON files from which a block follows,
 * and `block` gets the exports or the value of each, in this order, and then the text of each file
 * of `texts`.
 */
export const PAGES = {
  'docs/statistics.md': {
    reasons: { from: ['packages/web/src/page/drop-cause.ts'], block: reasonsTable },
  },
  'docs/drivers/exports.md': {
    names: { from: [], block: exportsTable },
  },
  'docs/records/e1000.md': {
    registers: { from: ['docs/records/e1000.json'], block: cardRegisters },
    differences: { from: ['docs/records/e1000.json'], block: cardDifferences },
  },
  'docs/json.md': {
    common: { from: ['src/cli/json-fields.ts'], block: commonFields },
    objects: { from: ['src/cli/json-fields.ts'], block: outputs },
    fields: { from: ['src/cli/json-fields.ts'], block: fieldValues },
  },
  'docs/control-programs.md': {
    commands: { from: ['docs/vnet_nl.yaml'], block: controlTable },
  },
  'docs/wires.md': {
    words: { from: ['src/wire/words.ts'], block: wordsTables },
    presets: { from: ['src/wire/parse.ts', 'src/wire/words.ts'], block: presetsTable },
  },
  'packages/lab/docs/explore.md': {
    options: { texts: ['packages/lab/src/explore/scenario.ts'], block: exploreOptions },
  },
  'packages/web/docs/metrics.md': {
    metrics: { from: ['packages/web/src/metrics/names.ts'], block: metricsTable },
  },
  'packages/lan/docs/lan-config.md': {
    keys: { from: ['packages/lan/src/config/schema.ts'], block: lanKeys },
  },
  'packages/lab/docs/lab.md': {
    keys: {
      from: ['packages/lab/src/file/schema.ts', 'packages/lan/src/config/schema.ts'],
      block: labKeys,
    },
  },
}

for (const name of readdirSync(join(root, 'packages/learn/course'))) {
  if (!/^\d/.test(name)) continue
  const folder = `packages/learn/course/${name}`
  PAGES[`${folder}/README.md`] = {
    checks: { from: [`${folder}/exercise.js`], block: checksOf },
  }
}

/** Returns the text that a page should have. `load` returns the exports of a module. */
export async function generatedPage(path, load) {
  let page = read(path)
  for (const [name, { from = [], texts = [], block }] of Object.entries(PAGES[path])) {
    const sources = await Promise.all(
      from.map(source => (/\.(yaml|json)$/.test(source) ? parse(read(source)) : load(source))),
    )
    page = withBlock(page, name, block(...sources, ...texts.map(read)), path)
  }
  return page
}

/** Returns the compiled file of a module. */
export const built = path => path.replace(/(^|\/)src\//, '$1dist/').replace(/\.ts$/, '.js')

if (process.argv[1] === import.meta.filename) {
  readOptions()
  for (const path of Object.keys(PAGES)) {
    const load = module => import(pathToFileURL(join(root, built(module))).href)
    writeFileSync(join(root, path), await generatedPage(path, load))
  }
}
