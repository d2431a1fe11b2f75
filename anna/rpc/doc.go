// Package rpc is anna's protocol: JSON-RPC 2.0, one object or batch per line,
// over a Unix stream socket, so that a person can speak it with socat.
//
// The server (Server) enforces Limits, so that a slow or hostile client costs
// the others nothing; it knows who called from the kernel's peer credentials
// (Peer), never from a file. The client (Client) turns everything that can go
// wrong between the two into one of the codes of the table in code.go, which
// is the one source of a code's number, exit status, retry rule and texts.
//
// A method that answers with many items sends them as notifications that
// carry the request's id, and ends with the response:
//
//	--> {"jsonrpc":"2.0","id":1,"method":"follow_events","params":{"since":0}}
//	<-- {"jsonrpc":"2.0","method":"follow_events","params":{"id":1,"item":{...}}}
//	<-- {"jsonrpc":"2.0","id":1,"result":{...}}
//
// Quick calls of one connection take turns and are answered in the order
// written; long ones and streams run beside them.
//
// The notification cancel_request {"id":1} cancels a request of the same
// connection, as does closing the connection.
//
// The specification is https://www.jsonrpc.org/specification; where it leaves
// a choice, docs/RPC.md says what anna does.
package rpc
