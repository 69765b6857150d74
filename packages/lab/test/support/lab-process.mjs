// Makes a lab with a cable, a program, and two that this has started in the background, one of them
// in a network namespace of its own.
// Prints what it has made, one JSON line, and waits to be killed, or for a word on stdin to end.
import { once } from 'node:events'
import { createLab } from '../../dist/index.js'

const [, , seed = '1', name = 'lab'] = process.argv
const lab = await createLab({ name, seed: Number(seed) })
const [client, server] = lab.hosts('client', 'server')
await lab.cable(client, server)
const { status } = await client.exec('ping', ['-c1', '-W10', 'server'])
const script = `
  setsid sleep 1000 >/dev/null & first=$!
  setsid unshare -n sleep 1000 >/dev/null & echo $first $!
  exec sleep 1000`
const child = client.spawn('sh', ['-c', script])
const [background] = await once(child.stdout.setEncoding('utf8'), 'data')
const { stdout } = await client.exec('readlink', ['/proc/self/ns/net'])
const made = {
  status,
  pids: [child.pid, ...background.split(' ').map(Number)],
  namespace: stdout.trim(),
}
console.log(JSON.stringify(made))
await once(process.stdin, 'data')
await lab.close()
process.stdin.destroy()
