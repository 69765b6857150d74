// Appends a number to a list until two numbers are acknowledged. A number is sent once.
import { Redis } from 'ioredis'

const client = new Redis({
  host: 'server',
  connectTimeout: 400,
  commandTimeout: 400,
  retryStrategy: () => 50,
  // A command that was sent is not sent again.
  autoResendUnfulfilledCommands: false,
})
client.on('error', () => {})
for (let n = 1, acknowledged = 0; acknowledged < 2; n++) {
  console.log(`sent ${n}`)
  try {
    await client.rpush('numbers', n)
    console.log(`acknowledged ${n}`)
    acknowledged++
  } catch {}
}
client.disconnect()
