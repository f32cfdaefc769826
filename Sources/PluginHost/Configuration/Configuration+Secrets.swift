import Model

extension Configuration {
    /// A warning for each secret that cannot be read now, by whoever asks; never its value.
    public var unreadableSecrets: [ConfigurationErrors.Problem] {
        providers.filter(\.isEnabled).flatMap { $0.settings + $0.environment }.compactMap { setting -> ConfigurationErrors.Problem? in
            guard setting.value.isSecret else { return nil }
            do throws(BerthError) {
                _ = try setting.value.resolve()
                return nil
            } catch {
                return .init(setting.location, "the secret '\(setting.name)' \(error.message)", hint: error.hint)
            }
        }
    }
}
