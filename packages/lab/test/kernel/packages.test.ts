/** Ten packages that run on hosts unmodified; `npm run test:packages` tests all. */
import { testPackages } from '../support/package-cases.ts'

const TEN = ['axios', 'express', 'got', 'ioredis', 'koa', 'mqtt', 'nodemailer', 'socket.io', 'undici', 'ws']

testPackages(TEN, '--omit=dev')
