public import JSON
public import Model

extension ProviderSection {
    /// The settings as the driver gets them: secrets read, each value with the type that the schema gives it, defaults
    /// filled in. The error (`invalid`) names every field that is wrong, and never a value.
    public func settings(for schema: JSON?) throws(BerthError) -> JSON {
        throw BerthError(.unsupported, "reading is not there yet")
    }
}
