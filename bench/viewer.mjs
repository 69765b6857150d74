/** One viewer of a live page: it reads what the driver view of a browser is sent. */

/** The server of the page that is looked at. Everyone may see these messages, without a token. */
const events = (port, query) =>
  fetch(`http://127.0.0.1:${port}/events?${new URLSearchParams(query)}`)

/**
 * Looks at the first interface and its peer, of this driver. Resolves with the first message about
 * its parts. Returns a function that ends it.
 */
export async function look(port, driver) {
  const [device, peer] = await devices(port, driver)
  const response = await events(port, { device, peer, want: 'parts,wire' })
  const reader = response.body.getReader()
  await until(reader, text => text.includes('"type":"parts"'))
  const reading = drain(reader)
  return async () => {
    await reader.cancel()
    await reading
  }
}

const HELLO = /^data: (\{"type":"hello".*)\n/gm

/** Returns the ids of the devices of a driver, or of all, once there is one. */
async function devices(port, driver) {
  const reader = (await events(port, {})).body.getReader()
  let ids = []
  await until(reader, text => {
    const hello = JSON.parse([...text.matchAll(HELLO)].at(-1)?.[1] ?? '{"vnets":[]}')
    const shown = hello.vnets.filter(vnet => driver === undefined || vnet.driver === driver)
    ids = shown.flatMap(vnet => vnet.devices).map(({ id }) => id)
    return ids.length > 0
  })
  await reader.cancel()
  return ids
}

/** Reads until the text so far is enough, and returns it. */
async function until(reader, isEnough) {
  const decoder = new TextDecoder()
  let text = ''
  while (!isEnough(text)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`the page's server ended its messages: ${text.slice(0, 300)}`)
    text += decoder.decode(value, { stream: true })
  }
  return text
}

async function drain(reader) {
  while (!(await reader.read()).done) {}
}
