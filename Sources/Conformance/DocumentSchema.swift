import JSON

/// The schemas of the documents, as `docs/schema` has them; a test keeps the two equal.
public struct DocumentSchema: Sendable {
    public let name: String
    public let text: String

    public static let all = [machine, spec, capacity, catalog, usage, health]

    /// What is wrong with a document, in words; empty: nothing.
    func problems(of bytes: some Collection<UInt8>) -> [String] {
        do {
            let document = try JSON(parsing: bytes)
            return try JSON.Schema(JSON(parsing: text)).problems(of: document).map(\.description)
        } catch {
            return ["is no JSON: \(error)"]
        }
    }

    static let machine = DocumentSchema(
        name: "machine",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "A machine: a line of list, the answer of inspect and create, the data of a STATE event",
              "description": "Absent means unknown. Fields that are not here are passed over.",
              "type": "object",
              "required": ["id", "state"],
              "properties": {
                "id": {"type": "string", "pattern": "^.+$", "description": "the provider's own"},
                "name": {"type": "string"},
                "key": {"type": "string", "description": "what create made it with; required where we made it"},
                "state": {"type": "string", "enum": ["building", "running", "paused", "suspended", "stopped", "error", "gone", "unknown"]},
                "cpus": {"type": "number", "minimum": 0, "description": "up to three decimals"},
                "memory_mib": {"type": "integer", "minimum": 0},
                "disk_gib": {"type": "integer", "minimum": 0},
                "node": {"type": "string"},
                "image": {"type": "string"},
                "addresses": {"type": "array", "items": {"type": "string"}},
                "created": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$", "description": "RFC 3339 in UTC"},
                "message": {"type": "string", "description": "why it is in this state, for a person"},
                "usage": {
                  "type": "object",
                  "properties": {
                    "cpu": {"type": "number", "minimum": 0, "maximum": 1, "description": "of the machine's processors"},
                    "memory_mib": {"type": "integer", "minimum": 0}
                  }
                },
                "native": {"type": "object", "description": "what else the provider says"}
              }
            }
            """#)

    static let spec = DocumentSchema(
        name: "spec",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "What create gets: the machine that is wanted",
              "description": "Absent means that the driver chooses. Fields that are not here may come with a later minor.",
              "type": "object",
              "required": ["name"],
              "properties": {
                "name": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "description": "an RFC 1123 label made by the host"},
                "cpus": {"type": "number", "minimum": 0},
                "memory_mib": {"type": "integer", "minimum": 0},
                "disk_gib": {"type": "integer", "minimum": 0},
                "image": {"type": "string", "description": "as the configuration's [image] section has it for this provider, or an id of the catalog"},
                "networks": {"type": "array", "items": {"type": "string"}},
                "addresses": {"type": "array", "items": {"type": "string"}},
                "node": {"type": "string"},
                "arch": {"type": "string"},
                "user_data": {"type": "string"},
                "public_keys": {"type": "array", "items": {"type": "string"}},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}}
              }
            }
            """#)

    static let capacity = DocumentSchema(
        name: "capacity",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "The answer of capacity: nodes, what they have and what is used",
              "description": "used counts our machines too. Absent amounts are unknown, or without a limit.",
              "type": "object",
              "required": ["nodes"],
              "properties": {
                "nodes": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["id", "state", "total", "used"],
                    "properties": {
                      "id": {"type": "string", "pattern": "^.+$"},
                      "state": {"type": "string", "enum": ["up", "down", "draining"]},
                      "arch": {"type": "string"},
                      "cpu_vendor": {"type": "string"},
                      "cpu_mhz": {"type": "integer", "minimum": 0},
                      "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                      "total": {
                        "type": "object",
                        "properties": {
                          "cpus": {"type": "number", "minimum": 0},
                          "memory_mib": {"type": "integer", "minimum": 0},
                          "disk_gib": {"type": "integer", "minimum": 0},
                          "machines": {"type": "integer", "minimum": 0}
                        }
                      },
                      "used": {
                        "type": "object",
                        "properties": {
                          "cpus": {"type": "number", "minimum": 0},
                          "memory_mib": {"type": "integer", "minimum": 0},
                          "disk_gib": {"type": "integer", "minimum": 0},
                          "machines": {"type": "integer", "minimum": 0}
                        }
                      }
                    }
                  }
                }
              }
            }
            """#)

    static let catalog = DocumentSchema(
        name: "catalog",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "The answer of catalog: what a machine can be made of",
              "type": "object",
              "properties": {
                "images": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["id", "name"],
                    "properties": {
                      "id": {"type": "string", "pattern": "^.+$"},
                      "name": {"type": "string"},
                      "size": {"type": "integer", "minimum": 0, "description": "bytes"}
                    }
                  }
                },
                "networks": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["id", "name"],
                    "properties": {"id": {"type": "string", "pattern": "^.+$"}, "name": {"type": "string"}}
                  }
                },
                "sizes": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["id", "name"],
                    "properties": {
                      "id": {"type": "string", "pattern": "^.+$"},
                      "name": {"type": "string"},
                      "cpus": {"type": "number", "minimum": 0},
                      "memory_mib": {"type": "integer", "minimum": 0},
                      "disk_gib": {"type": "integer", "minimum": 0}
                    }
                  }
                }
              }
            }
            """#)

    static let usage = DocumentSchema(
        name: "usage",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "The data of a STATS event: what a machine uses",
              "type": "object",
              "properties": {
                "cpu": {"type": "number", "minimum": 0, "maximum": 1},
                "memory_mib": {"type": "integer", "minimum": 0}
              }
            }
            """#)

    static let health = DocumentSchema(
        name: "health",
        text: #"""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "The data of a HEALTH event: the provider came or went",
              "type": "object",
              "required": ["state"],
              "properties": {"state": {"type": "string", "enum": ["up", "down"]}, "message": {"type": "string"}}
            }
            """#)
}
