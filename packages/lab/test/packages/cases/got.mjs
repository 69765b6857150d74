import got from 'got'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = () => got('http://server/6/7').text()
