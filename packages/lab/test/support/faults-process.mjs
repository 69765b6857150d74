// Makes a lab with faults of its host, with programs that shared memory, sessions of their own
// and, with `paused`, a pause keep from ending. Prints what it has made, one JSON line. Then it
// crashes the host, throws or ends for a word on stdin.
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { createLabWith } from '../../dist/network/create-lab.js'

const [, , paused] = process.argv
const lab = await createLabWith(
  { world: 'kernel' },
  { isHidden: true, hostFaults: ['pause', 'full'] },
)
const [server] = lab.hosts('server')
const script = `
  setsid sleep 1000 >/dev/null &
  setsid unshare -n -m sleep 1000 >/dev/null &
  ipcmk -M 4096 >/dev/null && echo shared >/dev/shm/vnet-faults
  echo text >$VNET_DISK/file && echo up
  exec sleep 1000`
const child = server.spawn('sh', ['-c', script])
const [up] = await once(child.stdout.setEncoding('utf8'), 'data')
const disk = await server.disk()
if (paused) {
  server.faults.pause()
}
const [, init] = /^\/proc\/(\d+)\//.exec(disk) ?? []
const namespaces = ['net', 'pid', 'mnt', 'ipc'].map(name =>
  readlinkSync(`/proc/${init}/ns/${name}`),
)
console.log(
  JSON.stringify({
    up,
    init: Number(init),
    namespaces,
    file: readFileSync(`${disk}/file`, 'utf8'),
  }),
)
const [word] = await once(process.stdin.setEncoding('utf8'), 'data')
if (word === 'throw') throw new Error('thrown')
if (word === 'crash') {
  server.faults.crash()
  await server.restart()
  console.log(
    await once(child, 'exit'),
    (await server.exec('sh', ['-c', 'cat $VNET_DISK/file; ls /dev/shm'])).stdout,
  )
}
await lab.close()
process.stdin.destroy()
