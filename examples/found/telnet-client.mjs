// telnet-client 2.2.14: exec() returns the late output of the command before.
import assert from 'node:assert/strict'
import net from 'node:net'
import { Telnet } from 'telnet-client'
import { at, between } from './network.mjs'

export const promise =
  'README, exec(): "Command result will be passed as the second argument to the callback."'
export const options = at('silence 2500ms', 'src port 23 and greater 100')

const shell = socket => {
  socket.on('error', () => {}).write('/ # ')
  socket.on('data', command =>
    socket.write(`${command}output of ${command}/ # `.replaceAll('\n', '\r\n')),
  )
}

export default between(
  () => net.createServer(shell).listen(23),
  async () => {
    const client = new Telnet()
    await client.connect({ host: 'server', timeout: 10_000 })
    await client.exec('cat first-file').catch(() => {})
    const second = await client.exec('cat b').catch(String)
    await client.destroy()
    assert.ok(!second.includes('first-file'), `exec('cat b'): ${second}`)
  },
)
