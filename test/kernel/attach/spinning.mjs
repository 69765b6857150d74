/**
 * node spinning.mjs IF FILE: attaches to IF in its own namespace. A stage loops without end when it
 * gets a frame of EtherType 0x88b7, until FILE exists. Prints `ready`, and `back` when a frame of
 * each direction has passed the wire after that.
 */
import { existsSync } from 'node:fs'
import { attach, impairment } from '../../../dist/wire.js'

const [name, file] = process.argv.slice(2)
const after = new Set()

function noting(side) {
  return impairment('note', undefined, (_, next) => ({
    ...next,
    push(skb) {
      if (existsSync(file) && !after.has(side)) {
        after.add(side)
        if (after.size === 2) {
          console.log('back')
        }
      }
      const isTrigger = skb.bytes[skb.data + 12] === 0x88 && skb.bytes[skb.data + 13] === 0xb7
      while (isTrigger && !existsSync(file)) {}
      next.push(skb)
    },
  }))
}

await attach(name, { in: [noting('in')], out: [noting('out')] })
console.log('ready')
process.once('SIGTERM', () => process.exit(0))
setInterval(() => {}, 1e9)
