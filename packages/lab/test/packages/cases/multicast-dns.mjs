import multicastDns from 'multicast-dns'

export const serve = async () => {
  const server = multicastDns()
  server.on('query', ({ questions: [{ name }] }) => {
    const [a, b] = name.split('.')
    server.respond([{ name, type: 'A', ttl: 1, data: `198.18.0.${a * b}` }])
  })
  await new Promise(resolve => server.on('ready', resolve))
  return () => new Promise(resolve => server.destroy(resolve))
}
export const filter = 'udp'
export const answer = '198.18.0.42'
export const ask = () =>
  new Promise(resolve => {
    const client = multicastDns()
    const repeat = setInterval(() => client.query('6.7.local', 'A'), 500)
    client.on('response', ({ answers: [{ data }] }) => {
      clearInterval(repeat)
      client.destroy(() => resolve(data))
    })
    client.on('ready', () => client.query('6.7.local', 'A'))
  })
