import fastify from 'fastify'

export const serve = async () => {
  const app = fastify({ forceCloseConnections: true })
  app.get('/:a/:b', async ({ params: { a, b } }) => `${a * b}`)
  await app.listen({ port: 80, host: '::' })
  return () => app.close()
}
export const answer = '42'
export const ask = async () => (await fetch('http://server/6/7')).text()
