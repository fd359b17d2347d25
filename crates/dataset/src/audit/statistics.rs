//! Statistics of the audit, each checked against scipy or scikit-learn (`scripts/goldens/audit_golden.py`).

/// Half-width, in standard deviations, of the interval that holds 95 % of a normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// Pearson's chi-squared of a contingency table of counts, `[rows][columns]`. Empty rows and columns do not count.
pub fn chi_squared(table: &[Vec<f64>]) -> f64 {
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let n: f64 = rows.iter().sum();
    let columns = column_sums(table);
    let mut sum = 0.0;
    for (row, row_sum) in table.iter().zip(&rows) {
        for (count, column_sum) in row.iter().zip(&columns) {
            let expected = row_sum * column_sum / n;
            if expected > 0.0 {
                sum += (count - expected).powi(2) / expected;
            }
        }
    }
    sum
}

/// Cramér's V, 0 to 1, of a contingency table `[rows][columns]`, with the bias correction of Bergsma (J. Korean Stat.
/// Soc. 42, 2013). 0 for a table with a single row or column.
pub fn cramers_v(table: &[Vec<f64>]) -> f64 {
    let count = |sums: Vec<f64>| sums.iter().filter(|sum| **sum > 0.0).count() as f64;
    let n: f64 = table.iter().flatten().sum();
    let (rows, columns) = (count(table.iter().map(|row| row.iter().sum()).collect()), count(column_sums(table)));
    if rows < 2.0 || columns < 2.0 {
        return 0.0;
    }
    let phi2 = (chi_squared(table) / n - (rows - 1.0) * (columns - 1.0) / (n - 1.0)).max(0.0);
    let corrected = |size: f64| size - (size - 1.0).powi(2) / (n - 1.0);
    let smaller = corrected(rows).min(corrected(columns)) - 1.0;
    if smaller > 0.0 { (phi2 / smaller).sqrt().min(1.0) } else { 0.0 }
}

fn column_sums(table: &[Vec<f64>]) -> Vec<f64> {
    let n_columns = table.first().map_or(0, Vec::len);
    (0..n_columns).map(|column| table.iter().map(|row| row[column]).sum()).collect()
}

/// Wilson's 95 % interval, within 0 to 1, of a proportion with `hits` successes in `n` trials (J. Am. Stat. Assoc. 22,
/// 1927). `[0, 1]` for `n = 0`.
pub fn wilson_interval(hits: f64, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (n, z2) = (n as f64, Z_95 * Z_95);
    let share = hits / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// q-values of Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995), 0 to 1, in the order of the p-values: the expected
/// share of false discoveries among the tests with at most this q-value.
pub fn q_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut q = vec![0.0; p_values.len()];
    let mut lowest = 1.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let rank = p_values.len() - place;
        lowest = lowest.min(p_values[index] * p_values.len() as f64 / rank as f64);
        q[index] = lowest;
    }
    q
}

/// Intraclass correlation ICC(1), 0 to 1, of values in groups: the share of the variance that lies between groups
/// (Shrout and Fleiss, Psychol. Bull. 86, 1979, with the mean group size of an unbalanced design). `None` with fewer
/// than two groups, if every group has a single value, or without variance.
pub fn intraclass_correlation(groups: &[Vec<f64>]) -> Option<f64> {
    let n: f64 = groups.iter().map(|group| group.len() as f64).sum();
    let n_groups = groups.len() as f64;
    if n_groups < 2.0 || n <= n_groups {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let grand = groups.iter().flatten().sum::<f64>() / n;
    let between: f64 = groups.iter().map(|group| group.len() as f64 * (mean(group) - grand).powi(2)).sum();
    let within: f64 = groups
        .iter()
        .map(|group| {
            let centre = mean(group);
            group.iter().map(|value| (value - centre).powi(2)).sum::<f64>()
        })
        .sum();
    let (between, within) = (between / (n_groups - 1.0), within / (n - n_groups));
    let size = (n - groups.iter().map(|group| (group.len() as f64).powi(2)).sum::<f64>() / n) / (n_groups - 1.0);
    let total = between + (size - 1.0) * within;
    (total > 0.0).then(|| ((between - within) / total).max(0.0))
}
