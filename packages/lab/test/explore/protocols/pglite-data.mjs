// Writes the data of a new database, from which the database of each process starts.
import { writeFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'

const database = await PGlite.create()
const data = await database.dumpDataDir('none')
writeFileSync('pglite-data.tar', new Uint8Array(await data.arrayBuffer()))
await database.close()
