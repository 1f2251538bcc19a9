#!/usr/bin/env node
// Runs dynalite, an implementation of DynamoDB that keeps its tables in memory, on 127.0.0.1.
//
// usage: dynalite_peer.mjs
//
// Prints {"endpoint", "access_key", "secret_key", "region"}. It wants requests to be signed but
// never checks the signature, and it never throttles: fault_proxy.py does that.
import { announce, endWithInput, load } from './lifetime.mjs'

const server = load('dynalite')({ createTableMs: 0, deleteTableMs: 0 })
server.listen(0, '127.0.0.1', () => {
  announce({
    endpoint: `http://127.0.0.1:${server.address().port}`,
    access_key: 'AKIDEXAMPLE',
    secret_key: 'not-checked',
    region: 'us-east-1',
  })
  endWithInput()
})
