// Sends requests until three have replies, each once, over one kept connection.
import { Pool } from 'undici'

const limits = { connectTimeout: 400, headersTimeout: 400, bodyTimeout: 400 }
const pool = new Pool('http://server', { connections: 1, ...limits })
for (let n = 1, answered = 0; answered < 3; n++) {
  try {
    const signal = AbortSignal.timeout(400)
    const { body } = await pool.request({ path: '/', method: 'POST', body: String(n), signal })
    const reply = await body.text()
    if (reply !== String(n)) {
      console.log(`request ${n} has the reply ${reply}`)
    }
    console.log(n)
    answered++
  } catch {}
}
if (pool.stats.connected > 1) throw new Error(`${pool.stats.connected} connections are open`)
await pool.destroy()
