// Writes keys until two are acknowledged, and prints them. The last line has all keys.
const members = process.argv.slice(2)
let turn = 0

/** Sends a request to the next member. Rejects after 1 s. */
async function ask(path, body) {
  const url = `http://${members[turn++ % members.length]}:2379/v3/kv/${path}`
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(1000),
  })
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}

const base64 = text => Buffer.from(text).toString('base64')
const ALL = { key: base64('\0'), range_end: base64('\0') }

for (let n = 1, acknowledged = 0; acknowledged < 2; n++) {
  try {
    await ask('put', { key: base64(String(n)), value: base64('value') })
    console.log(n)
    acknowledged++
  } catch {}
}
for (;;) {
  const reply = await ask('range', ALL).catch(() => undefined)
  if (reply === undefined) continue
  console.log(reply.kvs.map(({ key }) => Buffer.from(key, 'base64').toString()).join(' '))
  break
}
