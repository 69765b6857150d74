// Shared by the scenarios of this folder, which run in the kernel, as root: programs need it.
import assert from 'node:assert/strict'
import net from 'node:net'

/** Returns the options of a scenario that fails with a fault of the packets of a filter. */
export const at = (fault, filter) => ({ world: 'kernel', timeout: '60s', faults: [fault], filter })

/** Replies to each connection with two parts of a text, 100 ms apart. */
export const inTwo = (first, second) => socket =>
  socket
    .on('error', () => {})
    .once('data', () => {
      socket.write(first)
      setTimeout(() => socket.end(second), 100)
    })

/** Passes a connection on. If it loses the server, it closes the connection, by a FIN. */
const forward = down => {
  const up = net.connect(9000, 'server').on('error', () => down.end())
  down.on('error', () => {}).pipe(up)
  up.pipe(down)
}

/** Runs a command of the shell on a host. Returns its status and its output. */
export async function run(host, command) {
  const child = host.spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = []
  child.stdout.on('data', part => output.push(part))
  const status = await new Promise(resolve => child.once('close', resolve))
  return { status, output: Buffer.concat(output).toString() }
}

/**
 * Returns a scenario: a client runs a command against http://proxy, which passes on what a server
 * replies. If the status is 0, the output has to be the expected one.
 */
export const fetching =
  (answer, command, expected) =>
  async ({ lab }) => {
    const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
    await lab.cable(client, proxy)
    await lab.cable(proxy, server)
    await server.run(() => net.createServer(answer).listen(9000))
    await proxy.run(() => net.createServer(forward).listen(80))
    const { status, output } = await run(client, command)
    if (status === 0) {
      assert.equal(output, expected, 'what a command with status 0 has fetched')
    }
  }
