// Package recording is the folder that holds everything kagg's answers follow from at one moment: the objects, what
// each backend said, what the local APIs say, and how kagg was configured. kagg records one while it runs, and
// replays it offline: a merge that was seen once can be studied, attached to a bug report and put in a test. One can
// be written by hand as well: every file in it is optional.
//
//	*.yaml, *.json                          objects, as kagg serve -f reads them
//	backends/NAMESPACE_NAME_PORT/
//	  apis.json                             the APIGroupDiscoveryList of /apis, or what kagg made of legacy answers
//	  apis/GROUP/VERSION.json               the APIResourceList of /apis/GROUP/VERSION, in place of apis.json
//	  openapi-v2.json                       /openapi/v2
//	  openapi-v3/index.json                 /openapi/v3; without it, an index of the documents beside it
//	  openapi-v3/apis/GROUP/VERSION.json    /openapi/v3/apis/GROUP/VERSION, and so for every other key
//	  state.json                            what the documents do not say: failures, probes; see State
//	local/                                  the same of the local APIs, and beside it
//	  apiservices.yaml                      the Local APIServices
//	  server.json                           how kagg was configured; see Server
//	local/customresources/                  the same of CustomResourceDefinitions
//
// The package only turns files into values and back; it decides nothing.
package recording
