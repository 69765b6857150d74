// Inserts rows until two are acknowledged, each once, and prints them. The last line has all rows.
import pg from 'pg'

const timeouts = { connectionTimeoutMillis: 400, query_timeout: 400 }
const pool = new pg.Pool({
  host: 'server',
  user: 'postgres',
  database: 'postgres',
  max: 1,
  ...timeouts,
})
pool.on('error', () => {})

async function insist(...query) {
  for (;;) {
    try {
      return await pool.query(...query)
    } catch {}
  }
}

await insist('CREATE TABLE IF NOT EXISTS numbers (n integer)')
for (let n = 1, acknowledged = 0; acknowledged < 2; n++) {
  try {
    await pool.query('INSERT INTO numbers VALUES ($1)', [n])
    console.log(n)
    acknowledged++
  } catch {}
}
const { rows } = await insist('SELECT n FROM numbers')
console.log(rows.map(({ n }) => n).join(' '))
await pool.end()
