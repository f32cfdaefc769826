extension Configuration {
    /// Reads `path` and what it includes. `state` stands for `${state}` in values. All problems are reported at once.
    public static func load(_ path: String, state: String) throws(ConfigurationErrors) -> Configuration {
        throw ConfigurationErrors([.init(SourceLocation(file: path, line: 0), "reading is not there yet")])
    }
}
