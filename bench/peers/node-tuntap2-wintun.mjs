/**
 * A cable made with @xiaobaidadada/node-tuntap2-wintun: `PACKAGE NS_A IF_A NS_B IF_B`, started in
 * the namespace NS_A. The package opens its TAPs there under names that the kernel chooses. They
 * are renamed, and the second is moved. A read from a TAP that is down fails, so both links are up
 * before the first.
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'

const ip = (...args) => execFileSync('ip', args)
const [home, nsA, ifA, nsB, ifB] = process.argv.slice(2)
const { LinuxTap } = createRequire(import.meta.url)(path.resolve(home))
const [a, b] = [new LinuxTap(), new LinuxTap()]

ip('link', 'set', a.name, 'name', ifA)
ip('link', 'set', b.name, 'netns', nsB, 'name', ifB)
for (const [ns, name] of [
  [nsA, ifA],
  [nsB, ifB],
]) {
  ip('-n', ns, 'link', 'set', name, 'up')
}

function copy(from, to) {
  from.on('data', frame => {
    if (to.write(frame)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
  from.on('error', error => {
    console.error(String(error))
    process.exit(1)
  })
}

copy(a, b)
copy(b, a)
console.log('ready')
