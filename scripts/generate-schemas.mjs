/**
 * node scripts/generate-schemas.mjs: writes docs/lan.schema.json and docs/lab.schema.json, for
 * editors, from the last build of src/lan/config/schema.ts and src/testing/lab/file/schema.ts. `npm
 * run format` then formats them.
 */

import { writeFileSync } from 'node:fs'
import { lanSchema } from '../dist/lan/config/schema.js'
import { labSchema } from '../dist/testing/lab/file/schema.js'

for (const [name, schema] of Object.entries({ lan: lanSchema, lab: labSchema })) {
  writeFileSync(new URL(`../docs/${name}.schema.json`, import.meta.url), `${JSON.stringify(schema, undefined, 2)}\n`)
}
