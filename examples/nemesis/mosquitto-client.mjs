// Publishes two messages until the broker has them, and prints the messages of mosquitto_sub.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'

const own = ['-h', 'server', '-t', 'numbers', '-q', '1', '-k', '5']
const subscribe = ['mosquitto_sub', ...own, '-c', '-i', 'subscriber', '-d']
const subscriber = spawn('stdbuf', ['-oL', ...subscribe], { stdio: ['ignore', 'pipe', 'inherit'] })
const left = new Set(['1', '2'])
let isPublished = false
for await (const line of createInterface({ input: subscriber.stdout })) {
  if (line.startsWith('Subscribed') && !isPublished) {
    for (const n of left) {
      while (spawnSync('mosquitto_pub', [...own, '-m', n]).status !== 0) {}
    }
    isPublished = true
  }
  if (left.delete(line)) {
    console.log(line)
  }
  if (left.size === 0) break
}
subscriber.kill()
