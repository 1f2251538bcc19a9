#include "data/medical_records.hpp"

#include <array>

namespace lambda::data {
namespace {

constexpr std::array<std::string_view, 20> hospitals{"Mercy General Hospital",
                                                     "St. Mary's Hospital",
                                                     "Riverside Medical Center",
                                                     "Lakeview Clinic",
                                                     "Northgate General Hospital",
                                                     "Cedar Hill Hospital",
                                                     "Saint Luke's",
                                                     "Harborview Medical Center",
                                                     "Oakwood Hospital",
                                                     "Sunrise Clinic",
                                                     "Valley General Hospital",
                                                     "Summit Medical Center",
                                                     "Grace Memorial",
                                                     "Pinecrest Hospital",
                                                     "Westbrook Medical Center",
                                                     "Eastside General Hospital",
                                                     "Bayshore Hospital",
                                                     "Hillcrest Clinic",
                                                     "Queen's Hospital",
                                                     "University Hospital"};

constexpr std::array<std::string_view, 20> diagnoses{
    "Pneumonia",       "Hip Fracture",   "Appendicitis",  "Type 2 Diabetes", "Asthma",
    "Hypertension",    "Stroke",         "Heart Failure", "Gallstones",      "Migraine",
    "Kidney Stones",   "Bronchitis",     "Tuberculosis",  "Osteoarthritis",  "Influenza",
    "Gastroenteritis", "Hypothyroidism", "Lyme Disease",  "Pancreatitis",    "Sepsis"};

constexpr std::array<std::string_view, 15> treatments{
    "Antibiotics", "Surgery",     "Physiotherapy", "Insulin Therapy",   "Beta Blockers",
    "Inhaler",     "Dialysis",    "Chemotherapy",  "Radiation Therapy", "Oxygen Therapy",
    "Bed Rest",    "Painkillers", "Antivirals",    "Corticosteroids",   "Blood Transfusion"};

constexpr std::uint32_t shortest_recovery = 5;
constexpr std::uint32_t longest_recovery = 60;

template <std::size_t Size>
std::string_view pick(SplitMix64& random, const std::array<std::string_view, Size>& names) {
  return names[random.below(static_cast<std::uint32_t>(Size))];
}

}  // namespace

void MedicalRecords::append_row(std::string& csv) {
  // Statement by statement: the order of the draws is part of the format.
  csv += pick(random_, hospitals);
  csv += ',';
  csv += pick(random_, diagnoses);
  csv += ',';
  csv += pick(random_, treatments);
  csv += ',';
  const auto days = shortest_recovery + random_.below(longest_recovery - shortest_recovery + 1);
  if (days >= 10) csv += static_cast<char>('0' + days / 10);
  csv += static_cast<char>('0' + days % 10);
  csv += '\n';
}

}  // namespace lambda::data
