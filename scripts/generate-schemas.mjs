/**
 * npm run generate: writes packages/lan/docs/lan.schema.json and packages/lab/docs/lab.schema.json,
 * for editors, from the last build of packages/lan/src/config/schema.ts and
 * packages/lab/src/file/schema.ts.
 */

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { labSchema } from '../packages/lab/dist/file/schema.js'
import { lanSchema } from '../packages/lan/dist/config/schema.js'
import { formatted } from './formatted.mjs'

const root = resolve(import.meta.dirname, '..')

for (const [name, schema] of Object.entries({ lan: lanSchema, lab: labSchema })) {
  const path = join(root, `packages/${name}/docs/${name}.schema.json`)
  writeFileSync(path, formatted(JSON.stringify(schema, undefined, 2), path))
}
