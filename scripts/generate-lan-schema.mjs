/**
 * node scripts/generate-lan-schema.mjs: writes docs/lan.schema.json, for editors, from the last
 * build of src/lan/config/schema.ts. `npm run format` then formats it.
 */

import { writeFileSync } from 'node:fs'
import { lanSchema } from '../dist/lan/config/schema.js'

writeFileSync(new URL('../docs/lan.schema.json', import.meta.url), `${JSON.stringify(lanSchema, undefined, 2)}\n`)
